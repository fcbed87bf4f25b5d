-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'object_aliases') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        alias_label::varchar as alias_label,
        alias_token_ids::integer[] as alias_token_ids,
    from source
)

select * from final
