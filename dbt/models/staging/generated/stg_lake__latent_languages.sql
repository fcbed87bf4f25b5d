-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'latent_languages') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        layer_index::integer as layer_index,
        is_random::boolean as is_random,
        name_language_code::varchar as name_language_code,
        object_id::varchar as object_id,
        is_same_name::boolean as is_same_name,
        token_count::integer as token_count,
        name_rank::integer as name_rank,
        name_log_prob::double as name_log_prob,
    from source
)

select * from final
