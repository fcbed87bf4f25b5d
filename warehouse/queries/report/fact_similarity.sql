-- Languages that know the same facts
-- Large: the Jaccard similarity of the facts that are right in each of two languages, less what two languages that know as much would have by chance (the null). Small: the similarity and the null themselves. Languages that know the same facts are next to each other, in the same order in all matrices; the strip shows their family.
-- n: format('{:,} pairs of languages, {:,} to {:,} facts each', (count(*) / 2)::bigint, min(shared_fact_count), max(shared_fact_count))
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
    -- Each language's right facts, drawn without regard to the other's.
    full_match_a_count * full_match_b_count / shared_fact_count as expected_count,
    expected_count / (full_match_a_count + full_match_b_count - expected_count) as expected_rate,
    jaccard_rate - expected_rate as excess_rate,
    intersection_count,
    union_count,
    shared_fact_count,
from pairs
where jaccard_rate is not null
order by model_id, row_code, column_code
