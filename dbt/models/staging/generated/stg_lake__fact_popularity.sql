-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'fact_popularity') }}
),

final as (
    select
        fact_id::varchar as fact_id,
        subject_view_count::bigint as subject_view_count,
        object_view_count::bigint as object_view_count,
    from source
)

select * from final
