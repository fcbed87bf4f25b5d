{%- set claims = {
    "cue": "guess",
    "independent": "own_text_needed",
    "shared": "either_suffices",
    "transferred": "transferred",
} %}
{%- set truths = ["guess", "own_text_needed", "either_suffices", "transferred"] %}
{%- set keys = "model_id, rule_code, labels_code, half_code" %}

with
int_judged_roots as (select * from {{ ref('int_judged_roots') }}),
fct_true_roots as (select * from {{ ref('fct_true_roots') }}),

-- What a right answer is, given where the model's own corpus states the fact.
judged as (
    select
        roots.model_id,
        roots.rule_code,
        roots.labels_code,
        truth.half_code,
        roots.root_code,
        roots.fact_id,
        case
            when roots.presence_code = 'nowhere' then [1, 0, 0, 0]
            when roots.presence_code = 'elsewhere'
                then [truth.unstated_guess_probability, 0, 0, truth.unstated_transferred_probability]
            when roots.is_here_only
                then [
                    least(1, truth.nowhere_score / nullif(truth.here_only_score, 0)),
                    greatest(0, 1 - truth.nowhere_score / nullif(truth.here_only_score, 0)), 0, 0
                ]
            else [
                truth.stated_guess_probability,
                truth.stated_own_text_needed_probability,
                truth.stated_either_suffices_probability,
                truth.stated_transferred_probability
            ]
        end as truth_probabilities,
    from int_judged_roots as roots
    inner join fct_true_roots as truth using (language_code, fact_id)
),

expected as (
    select
        {{ keys }},
        root_code,
        fact_id,
        unnest(['{{ truths | join("', '") }}']) as truth_code,
        unnest(truth_probabilities) as truth_probability,
    from judged
    where truth_probabilities[1] is not null
),

cells as (
    select
        {{ keys }},
        root_code,
        truth_code,
        count(*) as root_count,
        sum(truth_probability order by truth_probability) as expected_sum,
    from expected
    group by all
),

truth_totals as (
    select
        {{ keys }},
        truth_code,
        sum(expected_sum order by expected_sum) as truth_expected_sum,
        sum(root_count) as answer_count,
    from cells
    group by all
),

totals as (
    select *
    from cells
    inner join truth_totals using ({{ keys }}, truth_code)
),

fact_pulls as (
    select
        {{ keys }},
        expected.root_code,
        expected.truth_code,
        expected.fact_id,
        sum(
            (expected.truth_probability - totals.expected_sum / totals.root_count) / totals.root_count
            order by expected.truth_probability
        ) as precision_pull,
        sum(
            expected.truth_probability * (1 - totals.expected_sum / totals.truth_expected_sum)
            / totals.truth_expected_sum
            order by expected.truth_probability
        ) as own_recall_pull,
    from expected
    inner join totals using ({{ keys }}, root_code, truth_code)
    group by all
),

-- An answer with another root lowers the recall of this one.
other_pulls as (
    select
        {{ keys }},
        totals.root_code,
        expected.truth_code,
        expected.fact_id,
        sum(
            -expected.truth_probability * totals.expected_sum / totals.truth_expected_sum ** 2
            order by expected.truth_probability
        ) as other_recall_pull,
    from expected
    inner join totals using ({{ keys }}, truth_code)
    where expected.root_code != totals.root_code
    group by all
),

variances as (
    select
        {{ keys }},
        root_code,
        truth_code,
        sum(precision_pull ** 2 order by precision_pull) as precision_variance,
        sum(
            (coalesce(own_recall_pull, 0) + coalesce(other_recall_pull, 0)) ** 2
            order by own_recall_pull, other_recall_pull
        ) as recall_variance,
    from fact_pulls
    full join other_pulls using ({{ keys }}, root_code, truth_code, fact_id)
    group by all
),

final as (
    select
        {{ keys }},
        root_code,
        truth_code,
        case
            when rule_code = 'calibrated' then truth_code = root_code
            {%- for root, truth in claims.items() %}
            when root_code = '{{ root }}' then truth_code = '{{ truth }}'
            {%- endfor %}
        end as is_claim,
        root_count,
        expected_sum,
        truth_expected_sum,
        answer_count::bigint as answer_count,
        {{ normal_interval("expected_sum / root_count", "precision_variance", "precision_score") }},
        {{ normal_interval("expected_sum / truth_expected_sum", "recall_variance", "recall_score") }},
        truth_expected_sum / answer_count as chance_score,
    from totals
    inner join variances using ({{ keys }}, root_code, truth_code)
    where truth_expected_sum > 0
    order by {{ keys }}, root_code, truth_code
)

select * from final
