-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'interventions') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        edit_set_code::varchar as edit_set_code,
        neuron_language_code::varchar as neuron_language_code,
        edit_factor::double as edit_factor,
        is_random::boolean as is_random,
        query_code::varchar as query_code,
        queried_fact_id::varchar as queried_fact_id,
        neuron_count::integer as neuron_count,
        log_prob_before::double as log_prob_before,
        log_prob_after::double as log_prob_after,
    from source
)

select * from final
