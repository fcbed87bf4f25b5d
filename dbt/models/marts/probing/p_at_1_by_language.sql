with counts as (
    select
        model_id,
        language_code,
        count(*) as fact_count,
        count(*) filter (where is_full_match) as full_match_count,
        count(*) filter (where is_partial_match) as partial_match_count,
        count(*) filter (where is_any_object_match) as any_object_match_count,
    from {{ ref('fct_predictions') }}
    group by all
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
    from counts
    order by model_id, language_code
)

select * from final
