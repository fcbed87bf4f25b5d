-- How many facts does a model know in one language only, and in which?
-- Only facts that the dataset holds in at least two languages of the study are counted.
-- columns: model_id, language_code, full_match_count, only_here_count, only_here_rate
-- rows: 0..*, one per model_id, language_code
with known as (
    select
        predictions.model_id,
        predictions.language_code,
        count(*) over (
            partition by predictions.model_id, predictions.fact_id
        ) as right_language_count,
    from fct_predictions as predictions
    inner join dim_facts as facts using (fact_id)
    where predictions.is_full_match and facts.language_count > 1
)

select
    model_id,
    language_code,
    count(*) as full_match_count,
    count(*) filter (right_language_count = 1) as only_here_count,
    only_here_count / full_match_count as only_here_rate,
from known
group by model_id, language_code
order by model_id, only_here_count desc, language_code
