with
roots_by_language as not materialized (select * from {{ ref('roots_by_language') }}),
fct_fact_roots as (select * from {{ ref('fct_fact_roots') }}),
dim_facts as (select * from {{ ref('dim_facts') }}),

roots as (select distinct rule_code, root_code from roots_by_language),

answers as (
    select
        answers.model_id,
        answers.language_code,
        answers.rule_code,
        roots.root_code,
        dim_facts.relation_id,
        dim_facts.object_id,
        answers.fact_id,
        (answers.root_code = roots.root_code)::integer as is_hit,
    from fct_fact_roots as answers
    inner join dim_facts using (fact_id)
    inner join roots using (rule_code)
),

overview as (
    {{ averages_over_languages(
        "roots_by_language",
        "answers",
        ["model_id", "rule_code", "root_code"],
        ["root_count", "full_match_count"],
        "root_count", "full_match_count", "root_rate",
    ) }}
),

final as (
    select * from overview
    order by model_id, rule_code, root_code, aggregation_code
)

select * from final
