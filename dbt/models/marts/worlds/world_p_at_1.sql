with
fct_world_answers as (select * from {{ ref('fct_world_answers') }}),

answers as (
    select
        arm_code,
        unnest([language_code, 'all']) as language_code,
        condition_code,
        fact_id,
        world_id,
        is_right,
    from fct_world_answers
),

counts as (
    select
        arm_code,
        language_code,
        condition_code,
        count(*) as answer_count,
        count(*) filter (where is_right) as right_count,
        count(distinct fact_id) as fact_count,
        count(distinct world_id) as world_count,
    from answers
    group by all
),

pulls as (
    select
        arm_code,
        language_code,
        condition_code,
        answers.fact_id,
        answers.world_id,
        (answers.is_right::integer - counts.right_count / counts.answer_count) / counts.answer_count as pull,
    from answers
    inner join counts using (arm_code, language_code, condition_code)
),

variances as ({{ two_way_variance("pulls", ["arm_code", "language_code", "condition_code"]) }}),

final as (
    select
        arm_code,
        language_code,
        condition_code,
        fact_count,
        world_count,
        answer_count,
        right_count,
        right_count / answer_count as right_rate,
        greatest(0, right_rate - {{ var("interval_z") }} * sqrt(variance)) as right_rate_low,
        least(1, right_rate + {{ var("interval_z") }} * sqrt(variance)) as right_rate_high,
    from counts
    inner join variances using (arm_code, language_code, condition_code)
    order by arm_code, language_code, condition_code
)

select * from final
