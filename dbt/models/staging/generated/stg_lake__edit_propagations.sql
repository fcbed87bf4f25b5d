-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'edit_propagations') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        target_language_code::varchar as target_language_code,
        query_code::varchar as query_code,
        queried_fact_id::varchar as queried_fact_id,
        new_object_id::varchar as new_object_id,
        new_object_label::varchar as new_object_label,
        step_count::integer as step_count,
        new_log_prob_before::double as new_log_prob_before,
        new_log_prob_after::double as new_log_prob_after,
        is_new_top_before::boolean as is_new_top_before,
        is_new_top_after::boolean as is_new_top_after,
        old_log_prob_before::double as old_log_prob_before,
        old_log_prob_after::double as old_log_prob_after,
    from source
)

select * from final
