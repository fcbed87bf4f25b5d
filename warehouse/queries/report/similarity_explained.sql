-- What explains which languages are similar
-- Mantel correlation of language similarity with geographic distance, family, branch and script. p is the share of shuffles with a correlation at least as strong.
select
    model_id,
    similarity_code,
    factor_code,
    mantel_score,
    mantel_p_value,
    language_pair_count,
    permutation_count,
from similarity_explained
where (method_code is null or method_code = 'probeless') and mantel_score is not null
order by model_id, similarity_code, factor_code
