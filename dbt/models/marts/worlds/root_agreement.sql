{%- set keys = "rule_code, model_a_id, model_b_id, scope_code" %}

with
fct_fact_roots as (select * from {{ ref('fct_fact_roots') }}),
dim_models as (select * from {{ ref('dim_models') }}),

-- Two seeds: one corpus, one objective, both finished.
pairs as (
    select
        a.model_id as model_a_id,
        b.model_id as model_b_id,
    from dim_models as a
    inner join dim_models as b
        on a.corpus_id = b.corpus_id
        and a.objective = b.objective
        and a.model_id < b.model_id
    where a.step_index is null and b.step_index is null
),

answers as (
    select
        a.rule_code,
        pairs.*,
        unnest(
            ['all', if(a.is_present, 'stated', 'not_stated')]
            || if(
                a.is_present and a.root_code != 'undetermined' and b.root_code != 'undetermined', ['decided'], []
            )
        ) as scope_code,
        a.fact_id,
        a.root_code as root_a,
        b.root_code as root_b,
        a.root_code = b.root_code as is_same,
    from pairs
    inner join fct_fact_roots as a on pairs.model_a_id = a.model_id
    inner join fct_fact_roots as b
        on pairs.model_b_id = b.model_id
        and a.rule_code = b.rule_code
        and a.language_code = b.language_code
        and a.fact_id = b.fact_id
    where a.is_present is not null
),

totals as (
    select
        {{ keys }},
        count(*) as answer_count,
        count(*) filter (where is_same) as same_count,
        count(distinct fact_id) as fact_count,
    from answers
    group by all
),

shares as (
    select
        {{ keys }},
        root_a,
        root_b,
        count(*) as cell_count,
    from answers
    group by all
),

margins as (
    select
        {{ keys }},
        a.root_code,
        a.share * b.share as chance,
    from (
        select {{ keys }}, root_a as root_code, sum(cell_count) / sum(sum(cell_count)) over (partition by {{ keys }}) as share
        from shares
        group by {{ keys }}, root_a
    ) as a
    inner join (
        select {{ keys }}, root_b as root_code, sum(cell_count) / sum(sum(cell_count)) over (partition by {{ keys }}) as share
        from shares
        group by {{ keys }}, root_b
    ) as b using ({{ keys }}, root_code)
),

chances as (
    select
        {{ keys }},
        sum(chance order by chance) as chance,
    from margins
    group by all
),

variances as (
    select
        {{ keys }},
        sum(pull * pull order by pull) as variance,
    from (
        select
            {{ keys }},
            answers.fact_id,
            sum(
                (answers.is_same::integer - totals.same_count / totals.answer_count) / totals.answer_count
                order by answers.is_same
            ) as pull,
        from answers
        inner join totals using ({{ keys }})
        group by {{ keys }}, answers.fact_id
    )
    group by all
),

final as (
    select
        {{ keys }},
        answer_count,
        fact_count,
        same_count,
        same_count / answer_count as same_rate,
        greatest(0, same_rate - {{ var("interval_z") }} * sqrt(variance)) as same_rate_low,
        least(1, same_rate + {{ var("interval_z") }} * sqrt(variance)) as same_rate_high,
        chance as chance_score,
        {{ normal_interval(
            "(same_rate - chance) / nullif(1 - chance, 0)",
            "(variance / nullif((1 - chance) ** 2, 0))",
            "kappa_score",
        ) }},
    from totals
    inner join chances using ({{ keys }})
    inner join variances using ({{ keys }})
    order by {{ keys }}
)

select * from final
