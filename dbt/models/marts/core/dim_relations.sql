with
int_language_facts as (select * from {{ ref('int_language_facts') }}),
stg_lake__prompts as (select * from {{ ref('stg_lake__prompts') }}),
stg_lake__languages as (select * from {{ ref('stg_lake__languages') }}),
stg_lake__relations as (select * from {{ ref('stg_lake__relations') }}),

facts as (
    select
        relation_id,
        count(*) as language_fact_count,
        count(distinct fact_id) as fact_count,
        count(distinct language_code) as language_count,
        count(distinct object_id) as object_count,
    from int_language_facts
    group by all
),

templates as (
    select
        prompts.relation_id,
        count(*) as template_count,
    from stg_lake__prompts as prompts
    inner join stg_lake__languages using (language_code)
    group by all
),

final as (
    select
        relations.relation_id,
        relations.relation_name,
        coalesce(templates.template_count, 0) as template_count,
        coalesce(facts.language_count, 0) as language_count,
        coalesce(facts.fact_count, 0) as fact_count,
        coalesce(facts.language_fact_count, 0) as language_fact_count,
        coalesce(facts.object_count, 0) as object_count,
    from stg_lake__relations as relations
    left join facts using (relation_id)
    left join templates using (relation_id)
    order by relation_id
)

select * from final
