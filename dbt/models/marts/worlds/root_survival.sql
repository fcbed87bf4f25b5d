{%- set keys = "model_id, rule_code, labels_code, half_code, root_code" %}

with
int_judged_roots as (select * from {{ ref('int_judged_roots') }}),
fct_true_roots as (select * from {{ ref('fct_true_roots') }}),

answers as (
    select
        roots.model_id,
        roots.rule_code,
        roots.labels_code,
        truth.half_code,
        unnest([roots.root_code, 'all']) as root_code,
        roots.fact_id,
        truth.elsewhere_only_count as asked_count,
        truth.elsewhere_only_right_count as survived_count,
    from int_judged_roots as roots
    inner join fct_true_roots as truth using (language_code, fact_id)
    where roots.presence_code = 'here' and truth.elsewhere_only_count > 0
),

facts as (
    select
        {{ keys }},
        fact_id,
        count(*) as answer_count,
        sum(asked_count) as asked_count,
        sum(survived_count) as survived_count,
    from answers
    group by all
),

totals as (
    select
        {{ keys }},
        sum(answer_count)::bigint as answer_count,
        count(*) as fact_count,
        sum(asked_count)::bigint as world_answer_count,
        sum(survived_count)::bigint as survived_count,
        sum(survived_count) / sum(asked_count) as rate,
    from facts
    group by all
),

variances as (
    select
        {{ keys }},
        sum(
            ((facts.survived_count - totals.rate * facts.asked_count) / totals.world_answer_count) ** 2
            order by facts.survived_count, facts.asked_count
        ) as variance,
    from facts
    inner join totals using ({{ keys }})
    group by all
),

final as (
    select
        {{ keys }},
        answer_count,
        fact_count,
        world_answer_count,
        survived_count,
        rate as survival_rate,
        greatest(0, rate - {{ var("interval_z") }} * sqrt(variance)) as survival_rate_low,
        least(1, rate + {{ var("interval_z") }} * sqrt(variance)) as survival_rate_high,
    from totals
    inner join variances using ({{ keys }})
    order by {{ keys }}
)

select * from final
