-- Transfer: right because other languages state the fact (effect with 95 % interval)
select
    objective,
    corpus_id as corpus,
    control_corpus_id as control,
    stratum_code as link,
    treated_count as treated,
    treated_match_rate as p_at_1,
    control_match_rate as control_p_at_1,
    effect_score as effect,
    effect_score_low as low,
    effect_score_high as high,
    guess_count as guesses,
from transfer_effect
where scope_kind = 'all'
order by objective desc, corpus != control, corpus, control, link
