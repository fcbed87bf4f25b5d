-- How close is a wrong answer to the right one?
-- Counts wrong answers where the object ranked second to tenth (only where its tokens were ranked),
-- where another query held all its tokens, and where the answer is another true object.
-- columns: model_id, language_code, wrong_count, second_to_tenth_count, partial_match_count,
--   other_true_object_count, second_to_tenth_rate
-- rows: 0..*, one per model_id, language_code
select
    model_id,
    language_code,
    count(*) as wrong_count,
    count(*) filter (gold_rank between 2 and 10) as second_to_tenth_count,
    count(*) filter (is_partial_match) as partial_match_count,
    count(*) filter (is_any_object_match) as other_true_object_count,
    second_to_tenth_count / wrong_count as second_to_tenth_rate,
from fct_predictions
where not is_full_match
group by model_id, language_code
order by model_id, second_to_tenth_rate desc, language_code
