-- Who teaches whom: the effect of one language's text on another language's answers
-- Measured by training: models read the same facts in different languages, drawn by coins. A cell shows by how much the answers of the row's language improve if the column's text states the fact and the row's own text does not. Languages are ordered by family and branch. A ring marks an effect above zero after correction for all pairs.
select
    source_language_code,
    target_language_code,
    weight_score,
    weight_score_low,
    weight_score_high,
    adjusted_p_value,
    is_above_zero,
    is_same_script,
    answer_count,
from source_weights
where arm_code = 'named' and half_code = 'all'
order by source_language_code, target_language_code
