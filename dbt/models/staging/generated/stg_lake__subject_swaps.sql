-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'subject_swaps') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        swap_code::varchar as swap_code,
        swap_index::integer as swap_index,
        subject_label::varchar as subject_label,
        object_log_prob::float as object_log_prob,
        object_rank::integer as object_rank,
    from source
)

select * from final
