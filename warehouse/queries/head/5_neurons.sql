-- Whether languages keep a fact in the same neurons
select
    model_id,
    format(
        'In {} of {} pairs of languages, the neurons of a fact overlap more than those of other facts with the same object '
        || '(a test at 5 %, corrected for all pairs). Their Jaccard similarity is {:.3f} on average, that of the other facts {:.3f}: '
        || '{:.0f} % of the overlap belongs to the object, not to the fact.',
        count(*) filter (where is_above_object_null),
        count(object_excess_score),
        avg(neuron_jaccard_score) filter (where object_null_score is not null),
        avg(object_null_score),
        100 * avg(object_null_score) / avg(neuron_jaccard_score) filter (where object_null_score is not null)
    ) as sentence,
from neuron_jaccard_by_language_pair
where method_code = 'probeless'
group by model_id
having count(object_excess_score) > 0
order by model_id
