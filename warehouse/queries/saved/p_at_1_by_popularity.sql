-- Are facts about popular subjects known more often?
-- P@1 in ten groups of facts by the page views of their subject (facts of PopQA).
-- columns: model_id, language_code, popularity_rank, least_view_count, most_view_count,
--   fact_count, full_match_count, full_match_rate
-- rows: 0..*, one per model_id, language_code, popularity_rank
with ranked as (
    select
        predictions.model_id,
        predictions.language_code,
        predictions.is_full_match,
        popularity.subject_view_count,
        ntile(10) over (
            partition by predictions.model_id, predictions.language_code
            order by popularity.subject_view_count, predictions.fact_id
        ) as popularity_rank,
    from fct_predictions as predictions
    inner join fact_popularity as popularity using (fact_id)
    where popularity.subject_view_count is not null
)

select
    model_id,
    language_code,
    popularity_rank,
    min(subject_view_count) as least_view_count,
    max(subject_view_count) as most_view_count,
    count(*) as fact_count,
    count(*) filter (is_full_match) as full_match_count,
    full_match_count / fact_count as full_match_rate,
from ranked
group by model_id, language_code, popularity_rank
order by model_id, language_code, popularity_rank
