-- Which relations are best shared between two languages?
-- Of the facts that the dataset holds in both: those right in both, divided by those right in either.
-- columns: model_id, relation_id, relation_name, fact_count, right_a_count, right_b_count,
--   right_in_both_count, right_in_either_count, jaccard_rate
-- rows: 0..*, one per model_id, relation_id
-- variables: language_a = id; language_b = ms
with counts as (
    select
        a.model_id,
        a.relation_id,
        count(*) as fact_count,
        count(*) filter (a.is_full_match) as right_a_count,
        count(*) filter (b.is_full_match) as right_b_count,
        count(*) filter (a.is_full_match and b.is_full_match) as right_in_both_count,
        count(*) filter (a.is_full_match or b.is_full_match) as right_in_either_count,
    from fct_predictions as a
    inner join fct_predictions as b using (model_id, fact_id)
    where a.language_code = coalesce(getvariable('language_a'), 'id')
        and b.language_code = coalesce(getvariable('language_b'), 'ms')
    group by a.model_id, a.relation_id
)

select
    counts.model_id,
    counts.relation_id,
    relations.relation_name,
    counts.* exclude (model_id, relation_id),
    counts.right_in_both_count / nullif(counts.right_in_either_count, 0) as jaccard_rate,
from counts
inner join dim_relations as relations using (relation_id)
order by counts.model_id, jaccard_rate desc nulls last, counts.fact_count desc, counts.relation_id
