-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'wording_predictions') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        template_id::varchar as template_id,
        fact_id::varchar as fact_id,
        mask_count::integer as mask_count,
        prompt_code::varchar as prompt_code,
        gold_token_ids::integer[] as gold_token_ids,
        predicted_token_ids::integer[] as predicted_token_ids,
        predicted_text::varchar as predicted_text,
        gold_log_prob::float as gold_log_prob,
        gold_rank::integer as gold_rank,
    from source
)

select * from final
