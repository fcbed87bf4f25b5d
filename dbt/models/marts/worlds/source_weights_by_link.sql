{%- set keys = ["arm_code", "relation_id", "link_code"] %}

with
int_source_cells as (select * from {{ ref('int_source_cells') }}),

linked as (
    select
        * exclude (relation_id, link_code),
        unnest([relation_id, 'all']) as relation_id,
        link_code as own_link_code,
    from int_source_cells
    where half_code = 'all'
),

scoped as (
    select
        *,
        unnest([own_link_code, 'all']) as link_code,
    from linked
),

effects as ({{ source_effects("scoped", keys) }}),

final as (
    select
        {{ keys | join(", ") }},
        answer_count,
        fact_count,
        world_count,
        {{ normal_interval("weight", "weight_variance", "weight_score") }},
        {{ normal_interval("log_prob_weight", "log_prob_weight_variance", "log_prob_weight_score") }},
    from effects
    order by {{ keys | join(", ") }}
)

select * from final
