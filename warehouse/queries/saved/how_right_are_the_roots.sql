-- How often does a traced root have the true root that it claims (Atlas)?
-- Precision and recall of each root against the true roots of the worlds, with the precision of a root
-- that says nothing (chance_score), by both rules, and the same for shuffled roots. The calibrated rule was
-- fitted on the first half of the worlds, so its figures are of the second half.
-- columns: model_id, rule_code, labels_code, root_code, truth_code, root_count, precision_score,
--   precision_score_low, precision_score_high, chance_score, recall_score
-- rows: 0..*, one per model_id, rule_code, labels_code, root_code
select
    model_id,
    rule_code,
    labels_code,
    root_code,
    truth_code,
    root_count,
    precision_score,
    precision_score_low,
    precision_score_high,
    chance_score,
    recall_score,
from root_accuracy
where half_code = if(rule_code = 'calibrated', 'second', 'all') and is_claim
order by model_id, rule_code, labels_code, root_code
