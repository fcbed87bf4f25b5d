-- Languages that use the same neurons, compared with chance
-- Left: mean Jaccard similarity of the 50 active neurons of a fact in two languages. Right: the same for different facts with the same object. Only what exceeds the second is specific to the fact.
with pairs as (
    select *, language_a as row_code, language_b as column_code from neuron_jaccard_by_language_pair
    union all
    select *, language_b as row_code, language_a as column_code from neuron_jaccard_by_language_pair
),

kinds as (
    select *, 'same fact' as kind, neuron_jaccard_score as score from pairs
    union all
    select *, 'other fact, same object' as kind, object_null_score as score from pairs
)

select
    model_id,
    kind,
    row_code,
    column_code,
    score,
    fact_count,
    object_null_count,
    is_above_object_null,
from kinds
where method_code = 'probeless' and score is not null
order by model_id, kind, row_code, column_code
