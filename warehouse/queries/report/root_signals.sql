-- What predicts that an answer would survive?
-- AUROC of scores of one model, with 95 % intervals: is an answer that the text states right in worlds in which only other languages state it? The rate in the other half of the worlds is the ceiling, random numbers (0.5) are the floor. The calibrated rule combines what costs little.
-- n: format('{:,} to {:,} answers', min(answer_count), max(answer_count))
select
    model_id,
    signal_code,
    auroc_score,
    auroc_score_low,
    auroc_score_high,
    lead_score,
    answer_count,
    outcome_count,
from root_signal_accuracy
where target_code = 'right_elsewhere_only'
order by model_id, signal_code
