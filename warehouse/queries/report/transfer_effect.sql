-- Transfer between languages, compared with models that never read the facts
-- Difference in P@1 between facts that the text of other languages states and facts that no text states, by what the languages have in common. The line is the 95 % interval over facts and seeds.
-- n: format('{:,} to {:,} questions per mark', min(treated_count), max(treated_count))
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
