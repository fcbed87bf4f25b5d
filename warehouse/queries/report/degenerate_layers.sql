-- In which layers neurons can replace one another
-- Share of each kind of neuron that lies in a layer. The kinds are: the best knowledge neurons of the facts; those in a pair that passes the published thresholds for degeneracy; and those in a pair that also interacts more than random pairs do.
-- n: format('{:,} knowledge neurons', (sum(neuron_count) filter (kind = 'knowledge'))::bigint)
with kinds as (
    select *, 'knowledge' as kind, knowledge_neuron_count as layer_count, knowledge_layer_score as layer_score from degenerate_neurons
    union all
    select *, 'degenerate as published' as kind, published_neuron_count, published_layer_score from degenerate_neurons
    union all
    select *, 'degenerate, above random pairs' as kind, degenerate_neuron_count, degenerate_layer_score from degenerate_neurons
)

select
    model_id,
    language_code,
    layer_index,
    kind,
    layer_count as neuron_count,
    layer_score,
from kinds
where layer_score is not null
order by model_id, language_code, kind, layer_index
