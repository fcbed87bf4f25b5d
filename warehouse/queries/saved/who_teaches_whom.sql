-- Which language's text teaches another language its facts (Atlas)?
-- By how much the answers of a target language improve if the source's text states the fact and the
-- target's own text does not; from models trained on worlds that differ in who states what.
-- columns: source_language_code, target_language_code, weight_score, weight_score_low,
--   weight_score_high, adjusted_p_value, is_same_script, answer_count
-- rows: 0..*, one per source_language_code, target_language_code
select
    source_language_code,
    target_language_code,
    weight_score,
    weight_score_low,
    weight_score_high,
    adjusted_p_value,
    is_same_script,
    answer_count,
from source_weights
where arm_code = 'named' and half_code = 'all' and is_above_zero
order by weight_score desc, source_language_code, target_language_code
