-- Is a fact known better the more often the training text states it?
-- columns: model_id, least_shared_count, most_shared_count, fact_count, full_match_count,
--   full_match_rate
-- rows: 0..*, one per model_id, least_shared_count
-- variables: unit = chunk
with classes (least_shared_count, most_shared_count) as (
    values (0, 0), (1, 1), (2, 3), (4, 9), (10, 99), (100, null)
),

asked as (
    select
        models.model_id,
        models.corpus_id,
        languages.language_code,
    from dim_models as models
    inner join p_at_1_by_language as languages using (model_id)
),

counts as (
    select
        asked.model_id,
        presence.shared_count,
        count(*) as fact_count,
        count(known.fact_id) as full_match_count,
    from fct_fact_presence as presence
    inner join asked using (corpus_id, language_code)
    left join (from fct_predictions where is_full_match) as known
        on asked.model_id = known.model_id
        and presence.language_code = known.language_code
        and presence.fact_id = known.fact_id
    where presence.text_unit = coalesce(getvariable('unit'), 'chunk')
    group by asked.model_id, presence.shared_count
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
