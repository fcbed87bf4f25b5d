with
stg_lake__unscored_facts as (select * from {{ ref('stg_lake__unscored_facts') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),
dim_models as (select * from {{ ref('dim_models') }}),

final as (
    select
        unscored.model_id,
        unscored.language_code,
        unscored.fact_id,
        unscored.method_code,
        facts.relation_id,
        unscored.reason_code,
    from stg_lake__unscored_facts as unscored
    inner join int_language_facts as facts using (language_code, fact_id)
    semi join dim_models using (model_id)
    order by model_id, method_code, language_code, fact_id
)

select * from final
