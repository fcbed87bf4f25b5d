{{ config(materialized='table') }}

with
fct_predictions as (select * from {{ ref('fct_predictions') }}),
dim_models as (select * from {{ ref('dim_models') }}),
fct_fact_presence as (select * from {{ ref('fct_fact_presence') }}),
int_fact_types as (select * from {{ ref('int_fact_types') }}),

final as (
    select
        predictions.model_id,
        models.corpus_id,
        presence.text_unit,
        predictions.language_code,
        predictions.fact_id,
        predictions.relation_id,
        predictions.predicted_text,
        predictions.is_right,
        presence.is_present,
        fact_types.fact_rule_code,
        fact_types.fact_type_code,
    from fct_predictions as predictions
    inner join dim_models as models using (model_id)
    inner join fct_fact_presence as presence
        on models.corpus_id = presence.corpus_id
        and predictions.language_code = presence.language_code
        and predictions.fact_id = presence.fact_id
    left join int_fact_types as fact_types
        on predictions.model_id = fact_types.model_id
        and predictions.language_code = fact_types.language_code
        and predictions.fact_id = fact_types.fact_id
)

select * from final
