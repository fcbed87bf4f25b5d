-- Thresholds and bins are chosen on the first half of the worlds, figures are from the second.
{%- set keys = "model_id, signal_code" %}

with
int_root_signals as (select * from {{ ref('int_root_signals') }}),
fct_true_roots as (select * from {{ ref('fct_true_roots') }}),

answers as (
    select
        signals.model_id,
        signals.signal_code,
        signals.fact_id,
        truth.half_code,
        signals.signal_score,
        ntile(5) over (
            partition by signals.model_id, signals.signal_code, truth.half_code
            order by signals.signal_score, signals.language_code, signals.fact_id
        ) as bin,
        truth.elsewhere_only_right_count::double as survived,
        (truth.elsewhere_only_count - truth.elsewhere_only_right_count)::double as lost,
    from int_root_signals as signals
    inner join fct_true_roots as truth using (language_code, fact_id)
    where truth.half_code in ('first', 'second') and truth.elsewhere_only_count > 0
),

-- Answers of worlds with a lower score, of worlds that survived and that did not.
ranked as (
    select
        *,
        sum(survived) over below as survived_up_to,
        sum(lost) over below as lost_up_to,
        sum(survived) over ties as survived_ties,
        sum(lost) over ties as lost_ties,
        sum(survived) over everything as survived_total,
        sum(lost) over everything as lost_total,
    from answers
    window
        below as (partition by {{ keys }}, half_code order by signal_score),
        ties as (partition by {{ keys }}, half_code, signal_score),
        everything as (partition by {{ keys }}, half_code)
),

areas as (
    select
        {{ keys }},
        half_code,
        count(*) as answer_count,
        count(distinct fact_id) as fact_count,
        any_value(survived_total)::bigint as survived_count,
        any_value(survived_total + lost_total)::bigint as world_answer_count,
        sum(survived * (lost_up_to - lost_ties / 2) order by survived, lost_up_to)
            / nullif(any_value(survived_total * lost_total), 0) as auroc,
    from ranked
    group by all
),

pulls as (
    select
        {{ keys }},
        ranked.half_code,
        ranked.fact_id,
        sum(
            ranked.survived
                * ((ranked.lost_up_to - ranked.lost_ties / 2) / ranked.lost_total - areas.auroc)
                / ranked.survived_total
            + ranked.lost
                * (1 - (ranked.survived_up_to - ranked.survived_ties / 2) / ranked.survived_total - areas.auroc)
                / ranked.lost_total
            order by ranked.signal_score, ranked.survived, ranked.lost
        ) as pull,
    from ranked
    inner join areas using ({{ keys }}, half_code)
    group by all
),

variances as (
    select
        {{ keys }},
        half_code,
        sum(pull * pull order by pull) as variance,
    from pulls
    group by all
),

thresholds as (
    select
        {{ keys }},
        max_by(
            signal_score,
            (
                1 - (survived_up_to - survived_ties) / nullif(survived_total, 0)
                + (lost_up_to - lost_ties) / nullif(lost_total, 0),
                -signal_score
            )
        ) as threshold_score,
    from ranked
    where half_code = 'first'
    group by all
),

judged as (
    select
        {{ keys }},
        thresholds.threshold_score,
        (
            sum(ranked.survived) filter (where ranked.signal_score >= thresholds.threshold_score)
                / nullif(any_value(ranked.survived_total), 0)
            + coalesce(sum(ranked.lost) filter (where ranked.signal_score < thresholds.threshold_score), 0)
                / nullif(any_value(ranked.lost_total), 0)
        ) / 2 as balanced_accuracy,
    from ranked
    inner join thresholds using ({{ keys }})
    where ranked.half_code = 'second'
    group by all
),

bins as (
    select
        {{ keys }},
        bin,
        sum(survived) filter (where half_code = 'first')
            / nullif(sum(survived + lost) filter (where half_code = 'first'), 0) as expected_rate,
        sum(survived) filter (where half_code = 'second')
            / nullif(sum(survived + lost) filter (where half_code = 'second'), 0) as seen_rate,
        sum(survived + lost) filter (where half_code = 'second') as seen_count,
    from answers
    group by all
),

calibrations as (
    select
        {{ keys }},
        sum(abs(expected_rate - seen_rate) * seen_count order by bin) / sum(seen_count) as calibration_error,
    from bins
    group by all
),

final as (
    select
        {{ keys }},
        areas.answer_count,
        areas.fact_count,
        areas.world_answer_count,
        areas.survived_count,
        {{ normal_interval("areas.auroc", "variances.variance", "auroc_score") }},
        first_areas.auroc as first_half_auroc_score,
        judged.threshold_score,
        judged.balanced_accuracy as balanced_accuracy_score,
        calibrations.calibration_error as calibration_error_score,
    from areas
    inner join variances using ({{ keys }}, half_code)
    inner join judged using ({{ keys }})
    inner join calibrations using ({{ keys }})
    inner join areas as first_areas
        on areas.model_id = first_areas.model_id
        and areas.signal_code = first_areas.signal_code
        and first_areas.half_code = 'first'
    where areas.half_code = 'second'
    order by {{ keys }}
)

select * from final
