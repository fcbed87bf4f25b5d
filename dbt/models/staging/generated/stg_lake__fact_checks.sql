-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'fact_checks') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        is_true::boolean as is_true,
        neuron_set_code::varchar as neuron_set_code,
        is_random::boolean as is_random,
        split::varchar as split,
        candidate_object_id::varchar as candidate_object_id,
        candidate_label::varchar as candidate_label,
        candidate_token_count::integer as candidate_token_count,
        neuron_count::integer as neuron_count,
        attribution_score::double as attribution_score,
        activation_score::double as activation_score,
        log_prob::double as log_prob,
        is_top::boolean as is_top,
    from source
)

select * from final
