{%- set keys = "model_id, language_code, check_code" %}

with
int_fact_check_scores as (select * from {{ ref('int_fact_check_scores') }}),
int_fact_check_thresholds as (select * from {{ ref('int_fact_check_thresholds') }}),

-- Each candidate of the test facts counts for its relation and for all relations.
tested as (
    select
        {{ keys }},
        scope.relation_id,
        scores.is_true,
        scores.check_score,
        coalesce(chosen.validation_count, 0) as validation_count,
        -- These two need no threshold.
        if(check_code in ('always_true', 'top_1'), 1, chosen.lambda_score) as lambda_score,
        rank() over peers + (count(*) over ties - 1) / 2.0 as score_place,
    from int_fact_check_scores as scores
    left join int_fact_check_thresholds as chosen using ({{ keys }})
    cross join unnest([scores.relation_id, 'all']) as scope (relation_id)
    where scores.split = 'test'
    window
        peers as (partition by {{ keys }}, scope.relation_id order by scores.check_score),
        ties as (partition by {{ keys }}, scope.relation_id, scores.check_score)
),

counts as (
    select
        {{ keys }},
        relation_id,
        any_value(validation_count) as validation_count,
        any_value(lambda_score) as lambda_score,
        count(*) filter (where is_true) as true_count,
        count(*) filter (where not is_true) as wrong_count,
        {%- for name, condition in [("true", "is_true"), ("wrong", "not is_true")] %}
        case
            when any_value(lambda_score) is not null
            then count(*) filter (where {{ condition }} and check_score >= lambda_score)
        end as accepted_{{ name }}_count,
        {%- endfor %}
        -- Mann and Whitney: how often a right object scores above a wrong one; ties count half.
        (sum(score_place) filter (where is_true) - true_count * (true_count + 1) / 2)
        / nullif(true_count * wrong_count, 0) as auroc_score,
    from tested
    group by all
),

-- Half width of the interval: Hanley and McNeil (1982).
spreads as (
    select
        *,
        {{ var("interval_z") }} * sqrt(
            (
                auroc_score * (1 - auroc_score)
                + (true_count - 1) * (auroc_score / (2 - auroc_score) - auroc_score * auroc_score)
                + (wrong_count - 1)
                    * (2 * auroc_score * auroc_score / (1 + auroc_score) - auroc_score * auroc_score)
            )
            / nullif(true_count * wrong_count, 0)
        ) as auroc_spread,
    from counts
),

rates as (
    select
        *,
        {{ wilson("accepted_true_count", "(accepted_true_count + accepted_wrong_count)", "precision") }},
        {{ wilson("accepted_true_count", "true_count", "recall") }},
        {{ wilson("accepted_wrong_count", "wrong_count", "false_alarm_rate") }},
    from spreads
),

final as (
    select
        model_id,
        language_code,
        relation_id,
        check_code,
        validation_count,
        lambda_score,
        true_count,
        wrong_count,
        accepted_true_count,
        accepted_wrong_count,
        {%- for rate in ["precision", "recall", "false_alarm_rate"] %}
        {{ rate }},
        {{ rate }}_low,
        {{ rate }}_high,
        {%- endfor %}
        2 * accepted_true_count
        / nullif(true_count + accepted_true_count + accepted_wrong_count, 0)::double as f1_score,
        (recall + 1 - false_alarm_rate) / 2 as balanced_accuracy_score,
        auroc_score,
        greatest(0, auroc_score - auroc_spread) as auroc_score_low,
        least(1, auroc_score + auroc_spread) as auroc_score_high,
    from rates
    order by model_id, language_code, relation_id, check_code
)

select * from final
