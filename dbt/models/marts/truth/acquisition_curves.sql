with
fct_predictions as (select * from {{ ref('fct_predictions') }}),
dim_models as (select * from {{ ref('dim_models') }}),
fct_planted_predictions as (select * from {{ ref('fct_planted_predictions') }}),

counts as (
    select
        models.training_run_id,
        predictions.language_code,
        coalesce(planted.presence_code, 'unknown') as presence_code,
        models.step_index,
        count(*) as fact_count,
        count(*) filter (where predictions.is_full_match) as full_match_count,
    from fct_predictions as predictions
    inner join dim_models as models using (model_id)
    left join fct_planted_predictions as planted using (model_id, language_code, fact_id)
    where models.step_index is not null
    group by all
),

final as (
    select
        training_run_id,
        language_code,
        presence_code,
        step_index,
        fact_count,
        full_match_count,
        {{ wilson('full_match_count', 'fact_count', 'full_match_rate') }},
    from counts
    order by training_run_id, language_code, presence_code, step_index
)

select * from final
