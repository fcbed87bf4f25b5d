-- Do a fact's active neurons stay when it is asked in other words?
-- Overlap with itself in other words, with another fact in other words and in the same words.
-- columns: model_id, method_code, language_code, fact_count, neuron_jaccard_score,
--   relation_null_score, same_wording_score, wording_excess_score, wording_excess_score_low,
--   wording_excess_score_high, chance_score, follows
-- rows: 0..*, one per model_id, method_code, language_code
select
    model_id,
    method_code,
    language_code,
    fact_count,
    neuron_jaccard_score,
    relation_null_score,
    same_wording_score,
    wording_excess_score,
    wording_excess_score_low,
    wording_excess_score_high,
    chance_score,
    case
        when wording_excess_score_low > 0 then 'fact'
        when wording_excess_score_high < 0 then 'words'
        else 'not shown'
    end as follows,
from neuron_stability_by_wording
order by model_id, method_code, language_code
