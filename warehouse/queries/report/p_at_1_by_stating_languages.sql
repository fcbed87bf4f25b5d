-- P@1 on facts that the language's own text does not state, by how many other languages state them
-- At 0, no text states the fact: what is right there is guessed. The rise from there is what other languages' text adds. The line is the 95 % interval over facts; n is the number of questions.
-- n: format('{:,} questions', sum(fact_count)::bigint)
select
    model_id,
    present_language_count,
    fact_count,
    full_match_count,
    full_match_rate,
    full_match_rate_low,
    full_match_rate_high,
    distinct_fact_count,
from p_at_1_by_stating_languages
where not is_present
order by model_id, present_language_count
