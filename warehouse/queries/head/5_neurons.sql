-- Whether languages keep a fact in the same neurons
select
    model_id,
    format(
        'In {} of {} pairs of languages, the neurons of a fact overlap more than those of other facts with the same object '
        || '(a test at 5 %, corrected for all pairs). The Jaccard similarity is {:.3f} on average for the same fact, {:.3f} for '
        || 'another fact with the same object and {:.3f} for another fact of the relation: the object adds {:.3f}, the fact itself {:.3f}.',
        count(*) filter (where is_above_object_null),
        count(object_excess_score),
        avg(neuron_jaccard_score) filter (where object_null_score is not null),
        avg(object_null_score),
        avg(relation_null_score) filter (where object_null_score is not null),
        avg(object_null_score - relation_null_score),
        avg(neuron_jaccard_score - object_null_score)
    ) as sentence,
from neuron_jaccard_by_language_pair
where method_code = 'probeless'
group by model_id
having count(object_excess_score) > 0
order by model_id
