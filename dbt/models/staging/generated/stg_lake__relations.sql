-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'relations') }}
),

final as (
    select
        relation_id::varchar as relation_id,
        relation_name::varchar as relation_name,
    from source
)

select * from final
