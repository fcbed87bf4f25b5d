-- Which neurons are active for many facts in many languages, and so are specific to no fact?
-- columns: model_id, method_code, layer_index, neuron_index, hub_language_count, mean_active_rate,
--   relation_count
-- rows: 0..*, one per model_id, method_code, layer_index, neuron_index
select
    model_id,
    method_code,
    layer_index,
    neuron_index,
    count(*) as hub_language_count,
    avg(active_rate) as mean_active_rate,
    max(relation_count) as relation_count,
from hub_neurons
group by model_id, method_code, layer_index, neuron_index
having hub_language_count > 1
order by
    model_id, method_code, hub_language_count desc, mean_active_rate desc, layer_index, neuron_index
