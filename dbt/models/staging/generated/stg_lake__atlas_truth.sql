-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'atlas_truth') }}
),

final as (
    select
        corpus_id::varchar as corpus_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        is_planted::boolean as is_planted,
        planted_count::integer as planted_count,
        distractor_kind::varchar as distractor_kind,
    from source
)

select * from final
