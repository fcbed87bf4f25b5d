-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'patches') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        source_language_code::varchar as source_language_code,
        fact_id::varchar as fact_id,
        source_fact_id::varchar as source_fact_id,
        position_code::varchar as position_code,
        layer_index::integer as layer_index,
        answer_code::varchar as answer_code,
        answer_fact_id::varchar as answer_fact_id,
        log_prob_before::double as log_prob_before,
        log_prob_after::double as log_prob_after,
        is_top::boolean as is_top,
    from source
)

select * from final
