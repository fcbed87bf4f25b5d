-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'attribution_quality') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        mode_code::varchar as mode_code,
        layer_index::integer as layer_index,
        object_token_count::integer as object_token_count,
        baseline_count::integer as baseline_count,
        clean_probability::double as clean_probability,
        baseline_probability::double as baseline_probability,
        attribution_sum::double as attribution_sum,
        completeness_residual::double as completeness_residual,
    from source
)

select * from final
