-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'missing_models') }}
),

final as (
    select
        model_id::varchar as model_id,
        source::varchar as source,
        missing_part_count::bigint as missing_part_count,
        reason::varchar as reason,
    from source
)

select * from final
