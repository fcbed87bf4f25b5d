-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'object_rankings') }}
),

final as (
    select
        model_id::varchar as model_id,
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        score_code::varchar as score_code,
        candidate_count::integer as candidate_count,
        object_score::float as object_score,
        object_rank::integer as object_rank,
        candidate_ids::varchar[] as candidate_ids,
        candidate_scores::float[] as candidate_scores,
    from source
)

select * from final
