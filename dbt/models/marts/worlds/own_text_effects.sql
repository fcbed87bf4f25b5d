{%- set keys = "arm_code, language_code" %}

with
int_coin_answers as (select * from {{ ref('int_coin_answers') }}),

-- Each stratum weighs the same in both arms: an answer counts 1 / P(its arm).
weighted as (
    select
        arm_code,
        unnest([language_code, 'all']) as language_code,
        fact_id,
        world_id,
        is_stated,
        is_right::integer as is_right,
        1 / if(is_stated, coin_probability, 1 - coin_probability) as weight,
    from int_coin_answers
    where other_stating_language_count > 0
),

arms as (
    select
        {{ keys }},
        count(*) filter (where is_stated) as stated_count,
        count(*) filter (where is_stated and is_right = 1) as stated_right_count,
        count(*) filter (where not is_stated) as unstated_count,
        count(*) filter (where not is_stated and is_right = 1) as unstated_right_count,
        {{ exact_sum("if(is_stated, weight, 0)") }} as stated_weight,
        {{ exact_sum("if(is_stated, 0, weight)") }} as unstated_weight,
        {{ exact_sum("if(is_stated, weight * is_right, 0)") }} / nullif(stated_weight, 0) as stated_rate,
        {{ exact_sum("if(is_stated, 0, weight * is_right)") }} / nullif(unstated_weight, 0) as unstated_rate,
        count(distinct fact_id) as fact_count,
        count(distinct world_id) as world_count,
    from weighted
    group by all
),

pulls as (
    select
        {{ keys }},
        weighted.fact_id,
        weighted.world_id,
        if(
            weighted.is_stated,
            weighted.weight * (weighted.is_right - arms.stated_rate) / arms.stated_weight,
            -weighted.weight * (weighted.is_right - arms.unstated_rate) / arms.unstated_weight
        ) as pull,
    from weighted
    inner join arms using ({{ keys }})
),

variances as ({{ two_way_variance("pulls", ["arm_code", "language_code"]) }}),

final as (
    select
        {{ keys }},
        fact_count,
        world_count,
        stated_count,
        stated_right_count,
        unstated_count,
        unstated_right_count,
        stated_rate as stated_score,
        unstated_rate as unstated_score,
        {{ normal_interval("(stated_rate - unstated_rate)", "variance", "effect_score") }},
    from arms
    inner join variances using ({{ keys }})
    order by {{ keys }}
)

select * from final
