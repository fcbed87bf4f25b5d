-- Neurons of the same fact in two languages, and of other facts (mean over language pairs)
select
    model_id as model,
    method_code as method,
    count(neuron_jaccard_score) as pairs,
    avg(neuron_jaccard_score) as same_fact,
    avg(object_null_score) as same_object,
    avg(relation_null_score) as same_relation,
    count(*) filter (is_above_object_null) as pairs_above_same_object,
from neuron_jaccard_by_language_pair
group by all
order by all
