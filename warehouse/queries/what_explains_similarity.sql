-- Are languages more alike where they are near, akin or written alike?
-- Mantel's test: the p value is the share of shuffles with as strong a correlation.
-- columns: model_id, method_code, similarity_code, factor_code, language_pair_count, mantel_score,
--   mantel_p_value
-- rows: 0..*, one per model_id, method_code, similarity_code, factor_code
select
    model_id,
    method_code,
    similarity_code,
    factor_code,
    language_pair_count,
    mantel_score,
    mantel_p_value,
from similarity_explained
order by model_id, similarity_code, method_code, abs(mantel_score) desc nulls last, factor_code
