-- P@1 by the number of tokens of the object
-- An object with more tokens needs more correct predictions at once. All languages together, with Wilson 95 % intervals.
-- n: format('{:,} questions', sum(fact_count)::bigint)
select
    model_id,
    object_token_count,
    count(*) as fact_count,
    count(*) filter (is_full_match) as full_match_count,
    full_match_count / fact_count as full_match_rate,
    (full_match_rate + 1.9208 / fact_count - 1.96 * sqrt((full_match_rate * (1 - full_match_rate) + 0.9604 / fact_count) / fact_count)) / (1 + 3.8416 / fact_count) as full_match_rate_low,
    (full_match_rate + 1.9208 / fact_count + 1.96 * sqrt((full_match_rate * (1 - full_match_rate) + 0.9604 / fact_count) / fact_count)) / (1 + 3.8416 / fact_count) as full_match_rate_high,
from fct_predictions
group by all
order by model_id, object_token_count
