-- The strongest teachers
-- The effects above zero after correction, the largest first, with their 95 % intervals. Blue: both languages use the same script.
-- n: format('{:,} to {:,} answers per pair', min(answer_count), max(answer_count))
select
    source_language_code || ' → ' || target_language_code as pair,
    weight_score,
    weight_score_low,
    weight_score_high,
    adjusted_p_value,
    if(is_same_script, 'same script', 'other script') as script,
    answer_count,
from source_weights
where arm_code = 'named' and half_code = 'all' and is_above_zero
order by weight_score desc, pair
limit 30
