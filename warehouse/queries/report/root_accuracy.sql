-- Are the traced roots right, by the paper's rule?
-- Of the right answers with a root (row), the share that has each true root (column), as other trained worlds show it; the small figure is the share that any root would have. A root claims the outlined column.
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
where half_code = 'all' and labels_code = 'given' and rule_code = 'paper'
order by model_id, root_code, truth_code
