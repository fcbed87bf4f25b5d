{{ config(materialized='table') }}

with
stg_lake__wording_predictions as (select * from {{ ref('stg_lake__wording_predictions') }}),
stg_lake__models as (select * from {{ ref('stg_lake__models') }}),
int_language_facts as not materialized (select * from {{ ref('int_language_facts') }}),
fct_predictions as not materialized (select * from {{ ref('fct_predictions') }}),

queries as (
    select
        predictions.model_id,
        predictions.language_code,
        predictions.fact_id,
        predictions.template_id,
        predictions.gold_rank,
        predictions.predicted_text,
        len(predictions.gold_token_ids) > 0
            and list_filter(
                predictions.predicted_token_ids,
                lambda token_id: token_id is distinct from models.ignored_token_id
            ) = predictions.gold_token_ids as is_full_match,
    from stg_lake__wording_predictions as predictions
    inner join stg_lake__models as models using (model_id)
),

further as (
    select
        model_id,
        language_code,
        fact_id,
        template_id,
        bool_or(is_full_match) as is_full_match,
        min(predicted_text) filter (where gold_rank is not null) as predicted_text,
    from queries
    group by all
),

-- The first wording is asked in any case; it counts for the facts that are asked in others.
answers as (
    select * from further
    union all
    select
        model_id,
        language_code,
        fact_id,
        '1' as template_id,
        is_full_match,
        predicted_text,
    from fct_predictions
    semi join further using (model_id, language_code, fact_id)
),

final as (
    select
        answers.model_id,
        answers.language_code,
        answers.fact_id,
        answers.template_id,
        language_facts.relation_id,
        language_facts.object_id,
        language_facts.relation_id || ':' || language_facts.object_id as object_cluster,
        answers.is_full_match,
        answers.predicted_text,
    from answers
    inner join int_language_facts as language_facts using (language_code, fact_id)
)

select * from final
