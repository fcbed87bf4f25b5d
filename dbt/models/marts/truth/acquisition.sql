with
fct_predictions as (select * from {{ ref('fct_predictions') }}),
dim_models as (select * from {{ ref('dim_models') }}),
fct_planted_predictions as (select * from {{ ref('fct_planted_predictions') }}),

checkpoints as (
    select
        models.training_run_id,
        models.step_index,
        predictions.language_code,
        predictions.fact_id,
        predictions.relation_id,
        coalesce(planted.presence_code, 'unknown') as presence_code,
        coalesce(predictions.is_full_match, false) as is_full_match,
    from fct_predictions as predictions
    inner join dim_models as models using (model_id)
    left join fct_planted_predictions as planted using (model_id, language_code, fact_id)
    where models.step_index is not null
),

summaries as (
    select
        training_run_id,
        language_code,
        fact_id,
        relation_id,
        presence_code,
        count(*) as checkpoint_count,
        count(*) filter (where is_full_match) as full_match_checkpoint_count,
        min(step_index) filter (where is_full_match) as first_match_step_index,
        max(step_index) filter (where not is_full_match) as last_miss_step_index,
    from checkpoints
    group by all
),

-- From the first step after the last miss on, the fact stays right.
settled as (
    select
        checkpoints.training_run_id,
        checkpoints.language_code,
        checkpoints.fact_id,
        min(checkpoints.step_index) as settled_step_index,
    from checkpoints
    inner join summaries using (training_run_id, language_code, fact_id)
    where checkpoints.step_index > coalesce(summaries.last_miss_step_index, -1)
    group by all
),

final as (
    select
        summaries.training_run_id,
        summaries.language_code,
        summaries.fact_id,
        summaries.relation_id,
        summaries.presence_code,
        summaries.checkpoint_count,
        summaries.full_match_checkpoint_count,
        summaries.first_match_step_index,
        settled.settled_step_index,
    from summaries
    left join settled using (training_run_id, language_code, fact_id)
    order by training_run_id, language_code, fact_id
)

select * from final
