-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'label_tokens') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        subject_folded::varchar as subject_folded,
        object_folded::varchar as object_folded,
        subject_tokens::varchar[] as subject_tokens,
        object_tokens::varchar[] as object_tokens,
    from source
)

select * from final
