-- Are the most probable roots right, by the calibrated rule?
-- Of the right answers with a root (row), the share that has each true root (column), as trained worlds show it that the rule was not fitted on; the small figure is the share that any root would have. A root claims the outlined column.
-- n: format('{:,} right answers', (sum(root_count) / count(distinct truth_code))::bigint)
select
    model_id,
    root_code,
    truth_code,
    precision_score,
    precision_score_low,
    precision_score_high,
    chance_score,
    recall_score,
    root_count,
    coalesce(is_claim, false) as is_claim,
from root_accuracy
where half_code = 'second' and labels_code = 'given' and rule_code = 'calibrated'
order by model_id, root_code, truth_code
