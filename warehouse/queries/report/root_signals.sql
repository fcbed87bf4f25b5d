-- What predicts that an answer would survive?
-- AUROC of scores of one model for the same question, with 95 % intervals. The rate in the other half of the worlds is the ceiling, random numbers (0.5) are the floor.
select
    model_id,
    signal_code,
    auroc_score,
    auroc_score_low,
    auroc_score_high,
    answer_count,
    world_answer_count,
from root_signal_accuracy
order by model_id, signal_code
