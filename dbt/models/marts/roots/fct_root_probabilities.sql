-- The calibrated rule: what a right answer would be without its text, by logistic regressions whose
-- coefficients were fitted on the Atlas worlds, and the root that follows.
{%- set keys = "model_id, language_code, fact_id" %}
{%- set answers = ["object_frequency_score", "other_full_match_score", "object_log_prob_rank", "same_answer_score"] %}
{%- set swaps = ["masked_log_prob_rank", "other_subject_log_prob_rank"] %}
{%- set roots = ["guess", "own_text_needed", "either_suffices", "transferred"] %}

with
fct_root_features as not materialized (select * from {{ ref('fct_root_features') }}),
root_rule_coefficients as (select * from {{ ref('root_rule_coefficients') }}),

-- An answer with a missing feature gets no probability.
answers as (
    select
        {{ keys }},
        relation_id,
        statement_code,
        feature_set_code,
        other_stating_language_count,
        {{ (answers + swaps) | join(",\n        ") }},
        [
            { 'feature_code': 'intercept', 'feature_value': 1.0 },
            {%- for feature in answers + swaps %}
            { 'feature_code': '{{ feature }}', 'feature_value': {{ feature }}::double }{{ "," if not loop.last }}
            {%- endfor %}
        ] as features,
    from fct_root_features
    where
        {%- for feature in answers[1:] %}
        {{ feature }} is not null{{ " and" if not loop.last }}
        {%- endfor %}
),

unnested as (
    select
        * exclude (features),
        unnest(features) as feature,
    from answers
),

listed as (
    select
        * exclude (feature),
        feature['feature_code'] as feature_code,
        feature['feature_value'] as feature_value,
    from unnested
),

coefficients as (
    select
        statement_code,
        feature_set_code,
        outcome_code,
        feature_code,
        coefficient,
    from root_rule_coefficients
    where feature_set_code != 'all'
),

rules as (
    select
        statement_code,
        feature_set_code,
        outcome_code,
        {%- for feature in ["intercept"] + answers + swaps %}
        any_value(coefficient) filter (where feature_code = '{{ feature }}') as {{ feature }}_coefficient,
        {%- endfor %}
    from coefficients
    group by all
),

log_odds as (
    select
        {{ keys }},
        rules.outcome_code,
        rules.intercept_coefficient
        {%- for feature in (answers + swaps) | sort %}
        + coalesce(rules.{{ feature }}_coefficient * answers.{{ feature }}, 0)
        {%- endfor %} as log_odds,
    from answers
    inner join rules
        on answers.feature_set_code = rules.feature_set_code
        and if(rules.outcome_code = 'guess', 'unknown', answers.statement_code) = rules.statement_code
),

-- What each feature adds to the log-odds of being right without its own text (of a guess where the text
-- was not traced), compared with the model's average answer.
leanings as (
    select
        {{ keys }},
        {%- for feature in answers + swaps %}
        max(leaning) filter (where feature_code = '{{ feature }}') as {{ feature | replace("_score", "") }}_log_odds_score,
        {%- endfor %}
    from (
        select
            {{ keys }},
            feature_code,
            coefficients.coefficient * (listed.feature_value - {{ exact_sum("listed.feature_value", over="peers") }} / count(*) over peers)
                as leaning,
        from listed
        inner join coefficients using (feature_code, feature_set_code, statement_code)
        where coefficients.outcome_code = if(listed.statement_code = 'unknown', 'guess', 'elsewhere_only')
        window peers as (partition by listed.model_id, feature_set_code, statement_code, feature_code)
    )
    group by all
),

rates as (
    select
        {{ keys }},
        {%- for outcome in ["nowhere", "elsewhere_only", "guess"] %}
        max(1 / (1 + exp(-log_odds))) filter (where outcome_code = '{{ outcome }}') as {{ outcome }}_rate,
        {%- endfor %}
    from log_odds
    group by all
),

-- Beyond guessing: P(right with the other languages' text | not guessed), and with the own text.
gains as (
    select
        answers.* exclude (features, {{ (answers + swaps) | join(", ") }}),
        rates.nowhere_rate as nowhere_score,
        if(
            answers.other_stating_language_count = 0,
            rates.nowhere_rate,
            greatest(rates.elsewhere_only_rate, rates.nowhere_rate)
        ) as elsewhere_only_score,
        rates.guess_rate as guess_score,
        (elsewhere_only_score - nowhere_score) / (1 - nowhere_score) as elsewhere_gain,
        own_text.coefficient as own_gain,
        leanings.* exclude ({{ keys }}),
    from answers
    inner join rates using ({{ keys }})
    inner join leanings using ({{ keys }})
    cross join root_rule_coefficients as own_text
    where own_text.outcome_code = 'own_text'
),

shares as (
    select
        *,
        if(statement_code = 'unknown', guess_score, nowhere_score) as guess_share,
        if(statement_code = 'stated', (1 - nowhere_score) * own_gain * (1 - elsewhere_gain), 0)
            as own_text_needed_share,
        if(statement_code = 'stated', (1 - nowhere_score) * own_gain * elsewhere_gain, 0) as either_suffices_share,
        case statement_code
            when 'stated' then (1 - nowhere_score) * (1 - own_gain) * elsewhere_gain
            when 'unstated' then elsewhere_only_score - nowhere_score
            else 0
        end as transferred_share,
        if(statement_code = 'unknown', 1, {{ roots | join("_share + ") }}_share) as right_share,
    from gains
),

probabilities as (
    select
        *,
        {%- for root in roots %}
        {{ root }}_share / right_share as {{ root }}_probability,
        {%- endfor %}
        greatest({{ roots | join("_probability, ") }}_probability) as largest_probability,
    from shares
),

final as (
    select
        {{ keys }},
        relation_id,
        statement_code,
        feature_set_code,
        case
            when statement_code = 'unknown' and guess_probability <= 0.5 then 'undetermined'
            {%- for root in roots %}
            when {{ root }}_probability = largest_probability then '{{ root }}'
            {%- endfor %}
        end as root_code,
        if(root_code = 'undetermined', 1 - guess_probability, largest_probability) as root_probability,
        {%- for root in roots %}
        {{ root }}_probability,
        {%- endfor %}
        nowhere_score,
        elsewhere_only_score,
        guess_score,
        {%- for feature in answers + swaps %}
        {{ feature | replace("_score", "") }}_log_odds_score,
        {%- endfor %}
    from probabilities
    order by {{ keys }}
)

select * from final
