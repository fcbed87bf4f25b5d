-- Are languages more similar if they are close in space, family or script?
-- Mantel's test: the p value is the share of shuffles with a correlation at least as strong, corrected for
-- the number of tests. The partial test holds the controls fixed.
-- columns: model_id, method_code, similarity_code, factor_code, language_pair_count, mantel_score,
--   mantel_adjusted_p_value, control_codes, partial_score, partial_adjusted_p_value
-- rows: 0..*, one per model_id, method_code, similarity_code, factor_code
select
    model_id,
    method_code,
    similarity_code,
    factor_code,
    language_pair_count,
    mantel_score,
    mantel_adjusted_p_value,
    control_codes,
    partial_score,
    partial_adjusted_p_value,
from similarity_explained
order by model_id, similarity_code, method_code, abs(mantel_score) desc nulls last, factor_code
