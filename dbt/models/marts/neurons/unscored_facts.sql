with final as (
    select
        unscored.model_id,
        unscored.language_code,
        unscored.fact_id,
        unscored.method_code,
        facts.relation_id,
        unscored.reason_code,
    from {{ ref('stg_lake__unscored_facts') }} as unscored
    inner join {{ ref('int_language_facts') }} as facts using (language_code, fact_id)
    semi join {{ ref('dim_models') }} as models using (model_id)
    order by model_id, method_code, language_code, fact_id
)

select * from final
