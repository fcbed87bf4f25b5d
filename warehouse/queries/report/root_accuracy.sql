-- Traced roots compared with the planted truth
-- In this study it is known what the training text states. Each row shows the traced roots of the right answers of one true kind.
select
    model_id,
    truth_code,
    root_code,
    root_count,
    truth_count,
    root_rate,
    is_agreement,
from root_accuracy
where truth_count > 0
order by model_id, truth_code, root_code
