-- What a score should say, and the score: one row per target, signal, right answer and half. Higher
-- should mean: more probably so. 'first_half' is the ceiling, 'shuffled' the floor, and the trivial
-- signals are what a method has to beat. An overlap counts against the null of the same object only.
{{ config(materialized='table') }}

{%- set signals = {
    "overlap_excess": "if(roots.null_code = 'object', roots.overlap_score - roots.null_score, null)",
    "overlap_p_value": "if(roots.null_code = 'object', -roots.adjusted_p_value, null)",
    "right_language_count": "features.other_full_match_count",
    "object_log_prob": "dependence.object_log_prob",
    "object_fact_count": "features.object_fact_count",
    "relation": "relation_rates.yes_rate",
    "same_answer_rate": "dependence.same_answer_rate",
    "masked_log_prob": "dependence.masked_log_prob",
    "part_log_prob": "coalesce(dependence.part_log_prob, dependence.masked_log_prob)",
    "invented_log_prob": "dependence.invented_log_prob",
    "other_subject_log_prob": "dependence.other_subject_log_prob",
    "calibrated_rule": "case targets.target_code when 'right_elsewhere_only' then probabilities.elsewhere_only_score "
        ~ "when 'right_nowhere' then probabilities.nowhere_score else probabilities.guess_score end",
    "first_half": "targets.first_half_score",
    "shuffled": draw("targets.model_id || targets.fact_id || targets.language_code"),
} %}

with
fct_fact_roots as (select * from {{ ref('fct_fact_roots') }}),
fct_root_features as (select * from {{ ref('fct_root_features') }}),
fct_subject_dependence as (select * from {{ ref('fct_subject_dependence') }}),
fct_root_probabilities as (select * from {{ ref('fct_root_probabilities') }}),
fct_planted_predictions as (select * from {{ ref('fct_planted_predictions') }}),
fct_true_roots as (select * from {{ ref('fct_true_roots') }}),

-- Answers that the text states: are they right in worlds that state them elsewhere only, or nowhere?
world_targets as (
    select
        planted.model_id,
        planted.language_code,
        planted.fact_id,
        truth.half_code,
        unnest([
            {
                'target_code': 'right_elsewhere_only',
                'yes_count': truth.elsewhere_only_right_count,
                'no_count': truth.elsewhere_only_count - truth.elsewhere_only_right_count,
                'first_half_score': first_half.elsewhere_only_score
            },
            {
                'target_code': 'right_nowhere',
                'yes_count': truth.nowhere_right_count,
                'no_count': truth.nowhere_count - truth.nowhere_right_count,
                'first_half_score': first_half.nowhere_score
            }
        ]) as target,
    from fct_planted_predictions as planted
    inner join fct_true_roots as truth
        on planted.language_code = truth.language_code
        and planted.fact_id = truth.fact_id
    inner join fct_true_roots as first_half
        on planted.language_code = first_half.language_code
        and planted.fact_id = first_half.fact_id
    where planted.is_full_match
        and planted.presence_code = 'here'
        and truth.half_code in ('first', 'second')
        and first_half.half_code = 'first'
),

-- Right answers of the model itself: are they guesses, because its corpus states them nowhere? Facts
-- are halved, so that a threshold is chosen on other facts.
own_targets as (
    select
        model_id,
        language_code,
        fact_id,
        if({{ draw("fact_id") }} < 0.5, 'first', 'second') as half_code,
        'stated_nowhere' as target_code,
        (presence_code = 'nowhere')::bigint as yes_count,
        (presence_code = 'here')::bigint as no_count,
        null::double as first_half_score,
    from fct_planted_predictions
    where is_full_match and presence_code in ('nowhere', 'here')
),

targets as (
    select
        * exclude (target),
        target['target_code'] as target_code,
        target['yes_count'] as yes_count,
        target['no_count'] as no_count,
        target['first_half_score'] as first_half_score,
    from world_targets
    where target['yes_count'] + target['no_count'] > 0
    union all by name
    select * from own_targets
),

relation_rates as (
    select
        targets.model_id,
        targets.target_code,
        features.relation_id,
        sum(targets.yes_count) / nullif(sum(targets.yes_count + targets.no_count), 0) as yes_rate,
    from targets
    inner join fct_root_features as features using (model_id, language_code, fact_id)
    where targets.half_code = 'first'
    group by all
),

scored as (
    select
        targets.* exclude (first_half_score),
        unnest([
            {%- for signal, score in signals.items() %}
            { 'signal_code': '{{ signal }}', 'signal_score': ({{ score }})::double }{{ "," if not loop.last }}
            {%- endfor %}
        ]) as signal,
    from targets
    inner join fct_root_features as features using (model_id, language_code, fact_id)
    inner join fct_subject_dependence as dependence using (model_id, language_code, fact_id)
    inner join fct_fact_roots as roots
        on targets.model_id = roots.model_id
        and targets.language_code = roots.language_code
        and targets.fact_id = roots.fact_id
        and roots.rule_code = 'paper'
    left join fct_root_probabilities as probabilities using (model_id, language_code, fact_id)
    left join relation_rates
        on targets.model_id = relation_rates.model_id
        and targets.target_code = relation_rates.target_code
        and features.relation_id = relation_rates.relation_id
),

final as (
    select
        * exclude (signal),
        signal['signal_code'] as signal_code,
        signal['signal_score'] as signal_score,
    from scored
    where signal['signal_score'] is not null
)

select * from final
