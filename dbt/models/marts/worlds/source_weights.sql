{%- set keys = ["arm_code", "half_code", "source_language_code", "target_language_code"] %}

with
int_source_cells as (select * from {{ ref('int_source_cells') }}),
dim_languages as (select * from {{ ref('dim_languages') }}),

effects as ({{ source_effects("int_source_cells", keys, is_cell=true) }}),

tested as (
    select
        *,
        {{ student_tail("(weight / nullif(sqrt(weight_variance), 0))", "(world_count - 1)") }} as p_value,
    from effects
),

adjusted as ({{ adjust_p_values("tested", ["arm_code", "half_code"], ["p_value"]) }}),

final as (
    select
        {{ keys | join(", ") }},
        source.script = target.script as is_same_script,
        source.language_family = target.language_family as is_same_family,
        answer_count,
        adjusted.fact_count,
        world_count,
        {{ normal_interval("weight", "weight_variance", "weight_score") }},
        sqrt(weight_variance) as standard_error_score,
        p_value,
        p_value_adjusted as adjusted_p_value,
        coalesce(p_value_adjusted < {{ var("significance_level") }}, false) as is_above_zero,
        {{ normal_interval("log_prob_weight", "log_prob_weight_variance", "log_prob_weight_score") }},
    from adjusted
    inner join dim_languages as source on adjusted.source_language_code = source.language_code
    inner join dim_languages as target on adjusted.target_language_code = target.language_code
    order by {{ keys | join(", ") }}
)

select * from final
