-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'facts') }}
),

final as (
    select
        fact_id::varchar as fact_id,
        relation_id::varchar as relation_id,
        subject_id::varchar as subject_id,
        object_id::varchar as object_id,
    from source
)

select * from final
