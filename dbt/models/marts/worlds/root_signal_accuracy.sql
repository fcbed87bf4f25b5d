-- Thresholds and bins are chosen on the first half of the worlds (or facts), figures are from the second.
{%- set keys = "model_id, target_code, signal_code" %}

with
int_root_signals as (select * from {{ ref('int_root_signals') }}),

answers as (
    select
        * exclude (yes_count, no_count),
        ntile(5) over (
            partition by {{ keys }}, half_code
            order by signal_score, language_code, fact_id
        ) as bin,
        yes_count::double as yes,
        no_count::double as no,
    from int_root_signals
),

-- Outcomes with a lower score, of each kind.
ranked as (
    select
        *,
        sum(yes) over below as yes_up_to,
        sum(no) over below as no_up_to,
        sum(yes) over ties as yes_ties,
        sum(no) over ties as no_ties,
        sum(yes) over everything as yes_total,
        sum(no) over everything as no_total,
    from answers
    window
        below as (partition by {{ keys }}, half_code order by signal_score),
        ties as (
            partition by {{ keys }}, half_code order by signal_score range between current row and current row
        ),
        everything as (
            partition by {{ keys }}, half_code order by signal_score
            range between unbounded preceding and unbounded following
        )
),

areas as (
    select
        {{ keys }},
        half_code,
        count(*) as answer_count,
        count(distinct fact_id) as fact_count,
        any_value(yes_total)::bigint as yes_count,
        any_value(yes_total + no_total)::bigint as outcome_count,
        sum(yes * (no_up_to - no_ties / 2) order by yes, no_up_to)
            / nullif(any_value(yes_total * no_total), 0) as auroc,
    from ranked
    group by all
),

pulls as (
    select
        {{ keys }},
        ranked.half_code,
        ranked.fact_id,
        sum(
            ranked.yes * ((ranked.no_up_to - ranked.no_ties / 2) / ranked.no_total - areas.auroc) / ranked.yes_total
            + ranked.no
                * (1 - (ranked.yes_up_to - ranked.yes_ties / 2) / ranked.yes_total - areas.auroc)
                / ranked.no_total
            order by ranked.signal_score, ranked.yes, ranked.no
        ) as pull,
    from ranked
    inner join areas using ({{ keys }}, half_code)
    group by all
),

-- What costs nothing: the best of it on the first half is the baseline.
baselines as (
    select
        model_id,
        target_code,
        max_by(signal_code, (auroc, signal_code)) as baseline_code,
    from areas
    where half_code = 'first'
        and signal_code in ('right_language_count', 'object_log_prob', 'object_fact_count', 'relation')
    group by all
),

variances as (
    select
        pulls.model_id,
        pulls.target_code,
        pulls.signal_code,
        pulls.half_code,
        any_value(baselines.baseline_code) as baseline_code,
        sum(pulls.pull ** 2 order by pulls.pull) as variance,
        sum((pulls.pull - coalesce(baseline_pulls.pull, 0)) ** 2 order by pulls.pull, baseline_pulls.pull)
            as lead_variance,
    from pulls
    inner join baselines using (model_id, target_code)
    left join pulls as baseline_pulls
        on pulls.model_id = baseline_pulls.model_id
        and pulls.target_code = baseline_pulls.target_code
        and pulls.half_code = baseline_pulls.half_code
        and pulls.fact_id = baseline_pulls.fact_id
        and baselines.baseline_code = baseline_pulls.signal_code
    group by all
),

thresholds as (
    select
        {{ keys }},
        max_by(
            signal_score,
            (
                1 - (yes_up_to - yes_ties) / nullif(yes_total, 0) + (no_up_to - no_ties) / nullif(no_total, 0),
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
            coalesce(sum(ranked.yes) filter (where ranked.signal_score >= thresholds.threshold_score), 0)
                / nullif(any_value(ranked.yes_total), 0)
            + coalesce(sum(ranked.no) filter (where ranked.signal_score < thresholds.threshold_score), 0)
                / nullif(any_value(ranked.no_total), 0)
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
        sum(yes) filter (where half_code = 'first')
            / nullif(sum(yes + no) filter (where half_code = 'first'), 0) as expected_rate,
        avg(signal_score order by signal_score) filter (where half_code = 'second') as claimed_rate,
        sum(yes) filter (where half_code = 'second')
            / nullif(sum(yes + no) filter (where half_code = 'second'), 0) as seen_rate,
        sum(yes + no) filter (where half_code = 'second') as seen_count,
    from answers
    group by all
),

-- A probability is compared with itself, any other score with the rate of its fifth in the first half.
calibrations as (
    select
        {{ keys }},
        sum(
            abs(if(signal_code = 'calibrated_rule', claimed_rate, expected_rate) - seen_rate) * seen_count
            order by bin
        ) / sum(seen_count) as calibration_error,
    from bins
    group by all
),

final as (
    select
        {{ keys }},
        areas.answer_count,
        areas.fact_count,
        areas.outcome_count,
        areas.yes_count,
        areas.auroc as auroc_score,
        greatest(0, areas.auroc - {{ var("interval_z") }} * sqrt(variances.variance)) as auroc_score_low,
        least(1, areas.auroc + {{ var("interval_z") }} * sqrt(variances.variance)) as auroc_score_high,
        variances.baseline_code,
        {{ normal_interval("(areas.auroc - baseline_areas.auroc)", "variances.lead_variance", "lead_score") }},
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
        and areas.target_code = first_areas.target_code
        and areas.signal_code = first_areas.signal_code
        and first_areas.half_code = 'first'
    inner join areas as baseline_areas
        on areas.model_id = baseline_areas.model_id
        and areas.target_code = baseline_areas.target_code
        and areas.half_code = baseline_areas.half_code
        and variances.baseline_code = baseline_areas.signal_code
    where areas.half_code = 'second'
    order by {{ keys }}
)

select * from final
