-- Transfer between languages, measured against models that never read the facts
-- Difference in P@1 between facts that other languages' text states and facts that nobody's text states, by what the languages have in common; the line is the interval over facts and seeds.
select
    corpus_id,
    stratum_code,
    contrast_code,
    effect_score,
    effect_score_low,
    effect_score_high,
    treated_match_rate,
    control_match_rate,
    treated_count,
    control_count,
from transfer_effect
where scope_kind = 'all' and effect_score is not null
order by corpus_id, contrast_code, stratum_code
