-- The most probable roots of what is known, by the calibrated rule
-- Would the answer be right without its text? own text needed: not without this language's; either suffices: other languages' text is enough as well; transferred: it comes from other languages' text; guess: right whatever the text states.
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
-- Without signals every root is undetermined, and there is nothing to show.
where rule_code = 'calibrated'
    and model_id in (
        select model_id from roots_overview where rule_code = 'calibrated' and root_code != 'undetermined' and root_count > 0
    )
order by model_id, language_code, root_code
