with
absence_by_language as not materialized (
    select * from {{ ref('absence_by_language') }}
    where scope_code in ('all', 'full_match')
),
int_traced_predictions as (select * from {{ ref('int_traced_predictions') }}),
dim_facts as (select * from {{ ref('dim_facts') }}),

scopes as (select unnest(['all', 'full_match']) as scope_code),

answers as (
    select
        predictions.model_id,
        predictions.corpus_id,
        predictions.text_unit,
        predictions.language_code,
        scopes.scope_code,
        predictions.relation_id,
        dim_facts.object_id,
        predictions.fact_id,
        (not predictions.is_present)::integer as is_hit,
    from int_traced_predictions as predictions
    inner join dim_facts using (fact_id)
    inner join scopes on scopes.scope_code = 'all' or predictions.is_right
),

overview as (
    {{ averages_over_languages(
        "absence_by_language",
        "answers",
        ["model_id", "corpus_id", "text_unit", "scope_code"],
        ["absent_count", "fact_count"],
        "absent_count", "fact_count", "absent_rate",
    ) }}
),

final as (
    select * from overview
    order by model_id, text_unit, scope_code, aggregation_code
)

select * from final
