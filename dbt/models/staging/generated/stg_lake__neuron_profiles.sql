-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'neuron_profiles') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        method_code::varchar as method_code,
        layer_index::integer as layer_index,
        bin_index::integer as bin_index,
        contiguous_score::float as contiguous_score,
        strided_score::float as strided_score,
    from source
)

select * from final
