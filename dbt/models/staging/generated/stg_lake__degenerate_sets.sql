-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'degenerate_sets') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        is_random::boolean as is_random,
        set_size::integer as set_size,
        neuron_ranks::integer[] as neuron_ranks,
        layer_indexes::integer[] as layer_indexes,
        neuron_indexes::integer[] as neuron_indexes,
        log_prob::double as log_prob,
        one_left_log_prob::double as one_left_log_prob,
        none_left_log_prob::double as none_left_log_prob,
    from source
)

select * from final
