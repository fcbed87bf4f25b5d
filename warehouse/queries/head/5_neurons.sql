-- Whether languages keep a fact in the same neurons
select
    model_id,
    format(
        'In {} of {} pairs of languages, the neurons of a fact overlap significantly more than those of other facts with '
        || 'the same object; by {:.3f} on average (Jaccard similarity, {:.3f} compared with {:.3f}).',
        count(*) filter (where is_above_object_null),
        count(object_excess_score),
        avg(object_excess_score),
        avg(neuron_jaccard_score) filter (where object_null_score is not null),
        avg(object_null_score)
    ) as sentence,
from neuron_jaccard_by_language_pair
where method_code = 'probeless'
group by model_id
having count(object_excess_score) > 0
order by model_id
