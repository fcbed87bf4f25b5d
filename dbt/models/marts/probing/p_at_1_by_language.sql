with
fct_predictions as (select * from {{ ref('fct_predictions') }}),

counts as (
    {{ match_counts("fct_predictions", ["model_id", "language_code"]) }}
),

final as (
    select
        model_id,
        language_code,
        fact_count,
        full_match_count,
        {{ wilson('full_match_count', 'fact_count', 'full_match_rate') }},
        partial_match_count,
        {{ wilson('partial_match_count', 'fact_count', 'partial_match_rate') }},
        any_object_match_count,
        {{ wilson('any_object_match_count', 'fact_count', 'any_object_match_rate') }},
        right_count,
    from counts
    order by model_id, language_code
)

select * from final
