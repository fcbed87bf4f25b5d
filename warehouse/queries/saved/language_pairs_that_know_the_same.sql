-- Which pairs of languages know the same facts, and do they hold them in the same neurons?
-- An overlap of neurons shows a shared representation only above the null of facts with the same
-- object, not above zero.
-- columns: model_id, language_a, language_b, shared_fact_count, jaccard_rate, jaccard_rate_low,
--   jaccard_rate_high, method_code, neuron_jaccard_score, object_null_score, is_above_object_null
-- rows: 0..*, one per model_id, language_a, language_b, method_code
select
    facts.model_id,
    facts.language_a,
    facts.language_b,
    facts.shared_fact_count,
    facts.jaccard_rate,
    facts.jaccard_rate_low,
    facts.jaccard_rate_high,
    coalesce(neurons.method_code, 'none') as method_code,
    neurons.neuron_jaccard_score,
    neurons.object_null_score,
    neurons.is_above_object_null,
from fact_jaccard_by_language_pair as facts
left join neuron_jaccard_by_language_pair as neurons using (model_id, language_a, language_b)
order by
    facts.model_id, facts.jaccard_rate desc nulls last, facts.language_a, facts.language_b, method_code
