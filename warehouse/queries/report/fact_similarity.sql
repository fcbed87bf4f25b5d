-- Languages that know the same facts
-- Jaccard similarity of the facts that are right in each of two languages, among those that the dataset holds in both. Languages are ordered by family and branch.
with pairs as (
    select *, language_a as row_code, language_b as column_code from fact_jaccard_by_language_pair
    union all
    select *, language_b as row_code, language_a as column_code from fact_jaccard_by_language_pair
)

select
    model_id,
    row_code,
    column_code,
    jaccard_rate,
    intersection_count,
    union_count,
from pairs
where jaccard_rate is not null
order by model_id, row_code, column_code
