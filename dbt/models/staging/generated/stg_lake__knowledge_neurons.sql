-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'knowledge_neurons') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        mode_code::varchar as mode_code,
        neuron_rank::integer as neuron_rank,
        layer_index::integer as layer_index,
        neuron_index::integer as neuron_index,
        attribution_score::float as attribution_score,
    from source
)

select * from final
