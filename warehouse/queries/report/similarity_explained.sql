-- What explains which languages are similar
-- Mantel correlation of language similarity with geographic distance, family, branch, script and shared tokens of names. A filled mark has p below 0.05; p is the share of shuffles (permutation_count of them) with a correlation at least as strong. Factors go together: partial_score is the correlation given other factors, and distance also stands for what is not measured here.
-- n: format('{:,} to {:,} pairs of languages', min(language_pair_count), max(language_pair_count))
select
    model_id,
    similarity_code,
    factor_code,
    mantel_score,
    mantel_p_value,
    partial_score,
    partial_p_value,
    language_pair_count,
    permutation_count,
from similarity_explained
where mantel_score is not null
    and method_code in ('none', (select min(method_code) from similarity_explained where method_code != 'none'))
order by model_id, similarity_code, factor_code
