-- What changed between two models?
-- Counts, per language, the facts that only one of the two knows. Many on both sides with a small
-- difference in P@1 mean: the models know different facts, not fewer. Default: the first two models by name.
-- columns: model_a, model_b, language_code, fact_count, right_in_both_count, only_a_count,
--   only_b_count, right_in_neither_count, difference
-- rows: 0..*, one per model_a, model_b, language_code
-- variables: model_a = the first model by name; model_b = the second
with names as (
    select list(model_id order by model_id) as model_ids from dim_models
),

pair as (
    select
        coalesce(getvariable('model_a'), model_ids[1]) as model_a,
        coalesce(getvariable('model_b'), model_ids[2]) as model_b,
    from names
)

select
    pair.model_a,
    pair.model_b,
    a.language_code,
    count(*) as fact_count,
    count(*) filter (a.is_full_match and b.is_full_match) as right_in_both_count,
    count(*) filter (a.is_full_match and not b.is_full_match) as only_a_count,
    count(*) filter (b.is_full_match and not a.is_full_match) as only_b_count,
    count(*) filter (not a.is_full_match and not b.is_full_match) as right_in_neither_count,
    (only_b_count - only_a_count) / fact_count as difference,
from pair
inner join fct_predictions as a on a.model_id = pair.model_a
inner join fct_predictions as b
    on b.model_id = pair.model_b
    and b.language_code = a.language_code
    and b.fact_id = a.fact_id
group by pair.model_a, pair.model_b, a.language_code
order by abs(difference) desc, a.language_code
