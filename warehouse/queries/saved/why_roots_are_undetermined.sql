-- How many right answers have no determined root, and why?
-- columns: model_id, reason_code, fact_count, language_count, model_full_match_count, reason_rate
-- rows: 0..*, one per model_id, reason_code
with counts as (
    select
        model_id,
        root_code,
        reason_code,
        count(*) as fact_count,
        count(distinct language_code) as language_count,
        sum(fact_count) over (partition by model_id)::bigint as model_full_match_count,
    from fct_fact_roots
    where rule_code = 'paper'
    group by model_id, root_code, reason_code
)

select
    model_id,
    reason_code,
    fact_count,
    language_count,
    model_full_match_count,
    fact_count / model_full_match_count as reason_rate,
from counts
where root_code = 'undetermined'
order by model_id, fact_count desc, reason_code
