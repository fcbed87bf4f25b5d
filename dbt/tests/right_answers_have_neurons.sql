-- If a model has active neurons in a language, every fact that it gets right there with as many masks
-- as the object has tokens has active neurons of each method, or a row that says why not.
with
stg_lake__parts as (select * from {{ ref('stg_lake__parts') }}),
fct_active_neurons as not materialized (select * from {{ ref('fct_active_neurons') }}),
unscored_facts as not materialized (select * from {{ ref('unscored_facts') }}),
fct_predictions as not materialized (select * from {{ ref('fct_predictions') }}),

attributed as (
    select distinct
        model_id,
        language_code,
    from stg_lake__parts
    -- Others publish neurons of some facts.
    where lake_table = 'active_neurons' and details ->> 'imported_file' is null
),

methods as (
    select distinct model_id, method_code from fct_active_neurons
    union
    select distinct model_id, method_code from unscored_facts
),

answered as (
    select model_id, language_code, fact_id, method_code from fct_active_neurons
    where neuron_rank = 1
    union all
    select model_id, language_code, fact_id, method_code from unscored_facts
),

-- A study may choose the facts itself, to measure an untrained model: these need not be right.
forced as (
    select distinct
        answered.model_id,
        answered.language_code,
    from answered
    inner join fct_predictions as predictions using (model_id, language_code, fact_id)
    where not (predictions.is_right and {{ has_own_tokens("predictions.gold_rank") }})
),

final as (
    select
        predictions.model_id,
        predictions.language_code,
        predictions.fact_id,
        methods.method_code,
    from fct_predictions as predictions
    semi join attributed using (model_id, language_code)
    anti join forced using (model_id, language_code)
    inner join methods using (model_id)
    anti join answered
        on predictions.model_id = answered.model_id
        and predictions.language_code = answered.language_code
        and predictions.fact_id = answered.fact_id
        and methods.method_code = answered.method_code
    where predictions.is_right and {{ has_own_tokens("predictions.gold_rank") }}
)

select * from final
