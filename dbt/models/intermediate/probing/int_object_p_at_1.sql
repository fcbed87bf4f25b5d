{{ config(materialized='table') }}

with
fct_predictions as (select * from {{ ref('fct_predictions') }}),

final as (
    select
        model_id,
        language_code,
        object_id,
        object_token_count,
        count(*) as fact_count,
        count(*) filter (where is_full_match) as full_match_count,
        count(*) filter (where is_full_match) / count(*)::double as full_match_rate,
    from fct_predictions
    where object_token_count > 0
    group by all
)

select * from final
