-- Is a fact known better the more often the training text states it?
-- columns: model_id, least_shared_count, most_shared_count, fact_count, full_match_count,
--   full_match_rate
-- rows: 0..*, one per model_id, least_shared_count
-- variables: unit = chunk
with classes (least_shared_count, most_shared_count) as (
    values (0, 0), (1, 1), (2, 3), (4, 9), (10, 99), (100, null)
),

counts as (
    select
        predictions.model_id,
        presence.shared_count,
        count(*) as fact_count,
        count(*) filter (predictions.is_full_match) as full_match_count,
    from fct_predictions as predictions
    inner join dim_models as models using (model_id)
    inner join fct_fact_presence as presence
        on presence.corpus_id = models.corpus_id
        and presence.language_code = predictions.language_code
        and presence.fact_id = predictions.fact_id
    where presence.text_unit = coalesce(getvariable('unit'), 'chunk')
    group by predictions.model_id, presence.shared_count
)

select
    counts.model_id,
    classes.least_shared_count,
    any_value(classes.most_shared_count) as most_shared_count,
    sum(counts.fact_count)::bigint as fact_count,
    sum(counts.full_match_count)::bigint as full_match_count,
    sum(counts.full_match_count) / sum(counts.fact_count) as full_match_rate,
from counts
inner join classes
    on counts.shared_count >= classes.least_shared_count
    and counts.shared_count <= coalesce(classes.most_shared_count, counts.shared_count)
group by counts.model_id, classes.least_shared_count
order by counts.model_id, classes.least_shared_count
