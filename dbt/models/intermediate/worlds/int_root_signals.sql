-- One score per signal and right answer that the text states; higher should mean: right even where
-- the text does not state it. 'first_half' is the ceiling, 'shuffled' the floor.
{%- set signals = {
    "overlap_excess": "roots.overlap_score - roots.null_score",
    "overlap_p_value": "-roots.adjusted_p_value",
    "right_language_count": "roots.full_match_language_count - 1",
    "object_log_prob": "fct_predictions.gold_log_prob",
    "first_half": "truth.elsewhere_only_score",
    "shuffled": draw("roots.model_id || roots.fact_id || roots.language_code"),
} %}

with
fct_fact_roots as (select * from {{ ref('fct_fact_roots') }}),
fct_predictions as (select * from {{ ref('fct_predictions') }}),
fct_planted_predictions as (select * from {{ ref('fct_planted_predictions') }}),
fct_true_roots as (select * from {{ ref('fct_true_roots') }}),

final as (
    {%- for signal, score in signals.items() %}
    select
        roots.model_id,
        roots.language_code,
        roots.fact_id,
        '{{ signal }}' as signal_code,
        ({{ score }})::double as signal_score,
    from fct_fact_roots as roots
    inner join fct_planted_predictions as planted using (model_id, language_code, fact_id)
    inner join fct_predictions using (model_id, language_code, fact_id)
    inner join fct_true_roots as truth
        on roots.language_code = truth.language_code
        and roots.fact_id = truth.fact_id
        and truth.half_code = 'first'
    where planted.presence_code = 'here' and ({{ score }}) is not null
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select * from final
