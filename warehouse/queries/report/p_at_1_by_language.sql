-- What the models know in each language
-- P@1 is the share of a language's facts whose object the model names exactly. The line is the Wilson 95 % interval.
-- n: format('{:,} questions', sum(fact_count)::bigint)
select
    model_id,
    language_code,
    language_name,
    full_match_count,
    by_language.fact_count,
    full_match_rate,
    full_match_rate_low,
    full_match_rate_high,
from p_at_1_by_language as by_language
join dim_languages using (language_code)
order by full_match_rate desc, language_code, model_id
