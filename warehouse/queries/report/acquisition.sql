-- When facts are learned
-- P@1 during training, by whether the language's own text states the fact.
-- n: format('{:,} questions at each of {:,} steps', (sum(fact_count) / count(distinct (step_index, training_run_id)))::bigint, count(distinct step_index))
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
