-- Where in the network the neurons of facts lie
-- Share of all active neurons that lie in a layer, by method, over all languages. An even distribution would be a flat line.
-- n: format('{:,} neurons of right answers', sum(active_neuron_count)::bigint)
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
