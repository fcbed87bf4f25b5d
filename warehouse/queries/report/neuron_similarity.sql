-- Languages that use the same neurons, compared with chance
-- Mean Jaccard similarity of the active neurons of a fact in two languages. Large: less that of different facts with the same object (the null): only this is specific to the fact. Small: both parts. Languages that know the same facts are next to each other; the strip shows their family.
-- n: format('{:,} pairs of languages, {:,} to {:,} facts each', (count(*) filter (kind = 'same fact') / 2)::bigint, min(fact_count), max(fact_count))
with pairs as (
    select *, language_a as row_code, language_b as column_code from neuron_jaccard_by_language_pair
    union all
    select *, language_b as row_code, language_a as column_code from neuron_jaccard_by_language_pair
),

kinds as (
    select *, 'same fact' as kind, neuron_jaccard_score as score from pairs
    union all
    select *, 'other fact, same object' as kind, object_null_score as score from pairs
    union all
    select *, 'excess' as kind, object_excess_score as score from pairs
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
