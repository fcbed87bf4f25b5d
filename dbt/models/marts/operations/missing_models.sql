{{ config(schema='operations') }}

with
stg_lake__missing_models as (select * from {{ ref('stg_lake__missing_models') }}),

final as (
    select
        model_id,
        source,
        missing_part_count,
        reason,
    from stg_lake__missing_models
    order by model_id
)

select * from final
