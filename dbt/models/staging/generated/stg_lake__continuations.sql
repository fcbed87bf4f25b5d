-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'continuations') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        token_count::integer as token_count,
        continuation_text::varchar as continuation_text,
        object_offset::integer as object_offset,
        alias_offset::integer as alias_offset,
    from source
)

select * from final
