-- The roots of what is known, by the paper's rule
-- Every right answer has one root: stated in the language and not shown to be shared (independent), stated and shared with other languages in the same neurons, transferred from them, given away by its names (cue), or undetermined (mostly because no other fact has the same object, so that neurons cannot be compared).
-- n: format('{:,} right answers', sum(root_count)::bigint)
select
    model_id,
    language_code,
    root_code,
    root_count,
    full_match_count,
    root_rate,
    root_rate_low,
    root_rate_high,
from roots_by_language
where rule_code = 'paper'
order by model_id, language_code, root_code
