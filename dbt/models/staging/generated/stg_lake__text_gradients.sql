-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'text_gradients') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        text_language_code::varchar as text_language_code,
        text_fact_id::varchar as text_fact_id,
        gradient_score::double as gradient_score,
        bm25_score::double as bm25_score,
    from source
)

select * from final
