-- Transfer: P@1 of facts that only other languages state (treated) and of facts that none states (control)
select
    concat_ws(' ', objective, corpus_id) as models,
    replace(stratum_code, '_', ' ') as link,
    treated_count as treated,
    treated_match_rate as "P@1",
    control_match_rate as control,
    effect_score as effect,
    effect_score_low as low,
    effect_score_high as high,
from transfer_effect
where scope_kind = 'all' and contrast_code = 'same_corpus'
order by objective desc, corpus_id, link
