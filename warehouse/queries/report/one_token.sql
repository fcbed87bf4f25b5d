-- P@1 of objects with one token
-- As in Table 1 of the paper: P@1 of each object with one token, and then the mean over objects, with its 95 % interval, next to P@1 over all facts (grey). What remains of the differences between languages is not the length of the names.
-- n: format('{:,} objects, {:,} questions', sum(one_token_object_count)::bigint, sum(one_token_fact_count)::bigint)
select
    model_id,
    language_code,
    language_name,
    object_mean_score,
    object_mean_score_low,
    object_mean_score_high,
    full_match_rate,
    one_token_object_count,
    one_token_fact_count,
    p_at_1_by_language.fact_count,
from one_token_p_at_1_by_language
join p_at_1_by_language using (model_id, language_code)
join dim_languages using (language_code)
where object_mean_score is not null
order by model_id, object_mean_score desc, language_code
