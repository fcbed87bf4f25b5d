with
fct_predictions as not materialized (select * from {{ ref('fct_predictions') }}),
fct_fact_presence as not materialized (select * from {{ ref('fct_fact_presence') }}),
dim_models as (select * from {{ ref('dim_models') }}),
dim_corpora as (select * from {{ ref('dim_corpora') }}),

stating_languages as (
    select
        corpus_id,
        text_unit,
        fact_id,
        count(*) filter (where is_present) as present_language_count,
    from fct_fact_presence
    group by all
),

presence as (
    select
        presence.corpus_id,
        presence.language_code,
        presence.fact_id,
        presence.is_present,
        stating_languages.present_language_count,
    from fct_fact_presence as presence
    semi join dim_corpora using (corpus_id, text_unit)
    inner join stating_languages using (corpus_id, text_unit, fact_id)
),

facts as (
    select
        predictions.model_id,
        presence.is_present,
        presence.present_language_count,
        predictions.fact_id,
        count(*) as fact_count,
        count(*) filter (where predictions.is_full_match) as full_match_count,
    from fct_predictions as predictions
    inner join dim_models as models on predictions.model_id = models.model_id
    inner join presence
        on models.corpus_id = presence.corpus_id
        and predictions.language_code = presence.language_code
        and predictions.fact_id = presence.fact_id
    where presence.is_present is not null
    group by all
),

effective as (
    {{ effective_counts(
        "facts", ["model_id", "is_present", "present_language_count"], "fact_id", "full_match_count", "fact_count", "fact"
    ) }}
),

counts as (
    select
        model_id,
        is_present,
        present_language_count,
        sum(fact_count)::bigint as fact_count,
        sum(full_match_count)::bigint as full_match_count,
        sum(full_match_count) / sum(fact_count) as full_match_rate,
    from facts
    group by all
),

final as (
    select
        counts.*,
        {{ clustered_wilson(
            "full_match_rate", "fact_effective_count", "fact_cluster_count", "full_match_rate"
        ) }},
        effective.fact_cluster_count as distinct_fact_count,
    from counts
    inner join effective using (model_id, is_present, present_language_count)
    order by model_id, is_present, present_language_count
)

select * from final
