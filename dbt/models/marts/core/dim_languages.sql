with
int_language_facts as (select * from {{ ref('int_language_facts') }}),
stg_lake__languages as (select * from {{ ref('stg_lake__languages') }}),

counts as (
    select
        language_code,
        count(*) as fact_count,
        count(distinct relation_id) as relation_count,
    from int_language_facts
    group by all
),

final as (
    select
        languages.language_code,
        languages.language_name,
        languages.language_family,
        languages.language_branch,
        languages.script,
        languages.latitude,
        languages.longitude,
        coalesce(counts.fact_count, 0) as fact_count,
        coalesce(counts.relation_count, 0) as relation_count,
    from stg_lake__languages as languages
    left join counts using (language_code)
    order by language_code
)

select * from final
