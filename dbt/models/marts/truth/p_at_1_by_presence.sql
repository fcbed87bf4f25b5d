with
fct_planted_predictions as (select * from {{ ref('fct_planted_predictions') }}),

counts as (
    select
        model_id,
        language_code,
        relation_id,
        presence_code,
        link_code,
        count(*) as fact_count,
        count(*) filter (where is_full_match) as full_match_count,
        count(*) filter (where twin_count > 0) as twin_fact_count,
        count(*) filter (where twin_count > 0 and is_full_match) as twin_full_match_count,
        count(*) filter (where is_guess) as guess_count,
    from fct_planted_predictions
    group by all
),

final as (
    select
        model_id,
        language_code,
        relation_id,
        presence_code,
        link_code,
        fact_count,
        full_match_count,
        {{ wilson('full_match_count', 'fact_count', 'full_match_rate') }},
        twin_fact_count,
        twin_full_match_count,
        guess_count,
        {{ wilson('guess_count', 'twin_full_match_count', 'guess_rate') }},
    from counts
    order by model_id, language_code, relation_id, presence_code, link_code
)

select * from final
