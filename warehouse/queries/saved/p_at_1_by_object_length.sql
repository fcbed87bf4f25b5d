-- How fast does P@1 fall with the number of tokens of the object's name?
-- columns: model_id, object_token_count, fact_count, full_match_count, full_match_rate,
--   language_count
-- rows: 1..*, one per model_id, object_token_count
select
    model_id,
    object_token_count,
    count(*) as fact_count,
    count(*) filter (is_full_match) as full_match_count,
    full_match_count / fact_count as full_match_rate,
    count(distinct language_code) as language_count,
from fct_predictions
where object_token_count is not null
group by model_id, object_token_count
order by model_id, object_token_count
