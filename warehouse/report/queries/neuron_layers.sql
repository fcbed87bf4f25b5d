-- Where in the network the neurons of facts lie
-- Share of all active neurons that a layer holds, by method, over all languages; an even spread would be a flat line.
select
    model_id,
    method_code,
    layer_index,
    sum(active_neuron_count)::bigint as active_neuron_count,
    sum(neuron_count)::bigint as neuron_count,
    sum(active_neuron_count) / sum(neuron_count) as layer_rate,
from neuron_layers
group by all
order by model_id, method_code, layer_index
