{%- set keys = ["model_id", "language_code", "relation_id", "template_id"] %}
{%- set key_list = keys | join(", ") %}

with
int_wording_answers as not materialized (select * from {{ ref('int_wording_answers') }}),
stg_lake__prompts as (select * from {{ ref('stg_lake__prompts') }}),
stg_lake__wordings as (select * from {{ ref('stg_lake__wordings') }}),

templates as (
    select
        language_code,
        relation_id,
        '1' as template_id,
        template,
    from stg_lake__prompts
    union all
    select
        language_code,
        relation_id,
        template_id,
        template,
    from stg_lake__wordings
),

cells as (
    select
        answers.model_id,
        answers.language_code,
        scope.relation_id,
        answers.template_id,
        answers.object_cluster,
        count(*) as fact_count,
        count(*) filter (where answers.is_full_match) as right_count,
    from int_wording_answers as answers
    cross join unnest([answers.relation_id, 'all']) as scope (relation_id)
    group by all
),

counts as (
    select
        {{ key_list }},
        sum(fact_count)::bigint as fact_count,
        sum(right_count)::bigint as right_count,
    from cells
    group by all
),

effective_counts as (
    {{ effective_counts("cells", keys, "object_cluster", "right_count", "fact_count", "right") }}
),

final as (
    select
        {{ key_list }},
        templates.template,
        counts.fact_count,
        counts.right_count,
        counts.right_count / counts.fact_count as right_rate,
        {{ clustered_wilson(
            "counts.right_count / counts.fact_count", "effective_counts.right_effective_count",
            "effective_counts.right_cluster_count", "right_rate"
        ) }},
        effective_counts.right_cluster_count as object_count,
    from counts
    inner join effective_counts using ({{ key_list }})
    left join templates using (language_code, relation_id, template_id)
    order by {{ key_list }}
)

select * from final
