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

-- A fact can be right in several languages, with the same root or with others.
facts as (
    select
        {{ keys }},
        root_code,
        truth_code,
        fact_id,
        count(*) as root_count,
        count(truth_probability) as truth_count,
        {{ exact_total("truth_probability") }} as expected_sum,
    from expected
    group by all
),

cells as (
    select
        {{ keys }},
        root_code,
        truth_code,
        sum(root_count)::bigint as root_count,
        sum(expected_sum)::double as expected_sum,
    from facts
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

-- An answer with another root lowers the recall of this one.
fact_pulls as (
    select
        {{ keys }},
        totals.root_code,
        truth_code,
        fact_id,
        (facts.expected_sum::double - facts.truth_count * totals.expected_sum / totals.root_count)
        / totals.root_count as precision_pull,
        (
            coalesce(facts.expected_sum::double, 0)
            - fact_totals.expected_sum::double * totals.expected_sum / totals.truth_expected_sum
        ) / totals.truth_expected_sum as recall_pull,
    from (
        select {{ keys }}, truth_code, fact_id, sum(expected_sum) as expected_sum
        from facts
        group by all
    ) as fact_totals
    inner join totals using ({{ keys }}, truth_code)
    left join facts using ({{ keys }}, root_code, truth_code, fact_id)
),

variances as (
    select
        {{ keys }},
        root_code,
        truth_code,
        sum(precision_pull ** 2 order by precision_pull) as precision_variance,
        sum(recall_pull ** 2 order by recall_pull) as recall_variance,
    from fact_pulls
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
