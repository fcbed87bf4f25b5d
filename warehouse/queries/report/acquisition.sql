-- When facts are learned
-- P@1 during training, by whether the language's own text states the fact.
select
    training_run_id,
    presence_code,
    step_index,
    sum(full_match_count)::bigint as full_match_count,
    sum(fact_count)::bigint as fact_count,
    sum(full_match_count) / sum(fact_count) as full_match_rate,
from acquisition_curves
group by all
order by training_run_id, presence_code, step_index
