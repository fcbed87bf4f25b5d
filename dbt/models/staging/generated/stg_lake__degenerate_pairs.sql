-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'degenerate_pairs') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        is_random::boolean as is_random,
        neuron_rank_a::integer as neuron_rank_a,
        neuron_rank_b::integer as neuron_rank_b,
        layer_index_a::integer as layer_index_a,
        neuron_index_a::integer as neuron_index_a,
        layer_index_b::integer as layer_index_b,
        neuron_index_b::integer as neuron_index_b,
        log_prob::double as log_prob,
        log_prob_without_a::double as log_prob_without_a,
        log_prob_without_b::double as log_prob_without_b,
        log_prob_without_both::double as log_prob_without_both,
    from source
)

select * from final
