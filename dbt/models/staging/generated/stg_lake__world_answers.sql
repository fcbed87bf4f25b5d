-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'world_answers') }}
),

final as (
    select
        world_id::varchar as world_id,
        arm_code::varchar as arm_code,
        plan_index::integer as plan_index,
        seed::integer as seed,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        stratum_code::varchar as stratum_code,
        is_stated::boolean as is_stated,
        stating_language_count::integer as stating_language_count,
        is_right::boolean as is_right,
        object_log_prob::float as object_log_prob,
        object_rank::integer as object_rank,
    from source
)

select * from final
