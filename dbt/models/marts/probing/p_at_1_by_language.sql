with
fct_predictions as (select * from {{ ref('fct_predictions') }}),

counts as (
    {{ match_counts("fct_predictions", ["model_id", "language_code"]) }}
),

-- Facts that cannot be right, whatever the model knows.
left_out as (
    select
        model_id,
        language_code,
        case when count(object_token_count) > 0 or count(is_full_match) = 0 then count(*) filter (where object_token_count = 0) end
            as unwritable_object_count,
        count(*) filter (where prompt_code = 'unasked') as unasked_count,
    from fct_predictions
    group by all
),

final as (
    select
        model_id,
        language_code,
        fact_count,
        unwritable_object_count,
        unasked_count,
        full_match_count,
        {{ wilson('full_match_count', 'fact_count', 'full_match_rate') }},
        partial_match_count,
        {{ wilson('partial_match_count', 'fact_count', 'partial_match_rate') }},
        any_object_match_count,
        {{ wilson('any_object_match_count', 'fact_count', 'any_object_match_rate') }},
        right_count,
    from counts
    inner join left_out using (model_id, language_code)
    order by model_id, language_code
)

select * from final
