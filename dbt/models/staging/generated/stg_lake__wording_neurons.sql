-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'wording_neurons') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        template_id::varchar as template_id,
        fact_id::varchar as fact_id,
        method_code::varchar as method_code,
        neuron_rank::integer as neuron_rank,
        layer_index::integer as layer_index,
        neuron_index::integer as neuron_index,
        neuron_score::float as neuron_score,
    from source
)

select * from final
