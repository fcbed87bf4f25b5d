-- How often is the traced root the true one, where the truth is planted (Atlas)?
-- Right answers by their true origin: roots that agree with it, roots that contradict it, and roots
-- that cannot be judged (untold_count).
-- columns: model_id, truth_code, truth_count, agreement_count, contradiction_count, untold_count,
--   agreement_rate
-- rows: 0..*, one per model_id, truth_code
select
    model_id,
    truth_code,
    any_value(truth_count) as truth_count,
    coalesce(sum(root_count) filter (is_agreement), 0)::bigint as agreement_count,
    coalesce(sum(root_count) filter (not is_agreement), 0)::bigint as contradiction_count,
    coalesce(sum(root_count) filter (is_agreement is null), 0)::bigint as untold_count,
    agreement_count / nullif(agreement_count + contradiction_count, 0) as agreement_rate,
from root_accuracy
group by model_id, truth_code
order by model_id, truth_code
