{%- set keys = ["model_id", "language_code", "relation_id", "verdict_code"] %}
{%- set key_list = keys | join(", ") %}
{%- set verdicts = {
    "exact": ("is_full_match", "predicted_text"),
    "alias_exact": ("is_alias_match", "predicted_text"),
    "contained": ("is_contained", "continuation_text"),
    "alias_contained": ("is_alias_contained", "continuation_text"),
} %}

with
fct_predictions as not materialized (select * from {{ ref('fct_predictions') }}),
stg_lake__object_rankings as (select * from {{ ref('stg_lake__object_rankings') }}),
int_language_facts as not materialized (select * from {{ ref('int_language_facts') }}),

-- A fact without a rank, because the model cannot be asked for its object, is not right.
ranked as (
    select
        predictions.model_id,
        predictions.language_code,
        predictions.relation_id,
        {{ object_block("predictions") }} as block_index,
        'ranked_' || rankings.score_code as verdict_code,
        coalesce(rankings.object_rank = 1, false) as is_right,
        coalesce(1 / rankings.object_rank::double, 0) as reciprocal_rank,
        rankings.candidate_ids[1] as best_object_id,
    from stg_lake__object_rankings as rankings
    inner join fct_predictions as predictions using (model_id, language_code, fact_id)
),

labels as (
    select
        language_code,
        relation_id,
        object_id as best_object_id,
        min_by(object_label, fact_id) as object_label,
    from int_language_facts
    semi join ranked using (language_code, relation_id)
    group by all
),

answers as (
    {%- for verdict, (is_right, text) in verdicts.items() %}
    select
        model_id,
        language_code,
        relation_id,
        null::integer as block_index,
        '{{ verdict }}' as verdict_code,
        coalesce({{ is_right }}, false) as is_right,
        null::double as reciprocal_rank,
        {{ text }} as answer,
    from fct_predictions
    {%- if verdict != "exact" %}
    where {{ is_right }} is not null
    {%- endif %}
    union all
    {%- endfor %}
    select
        ranked.model_id,
        ranked.language_code,
        ranked.relation_id,
        ranked.block_index,
        ranked.verdict_code,
        ranked.is_right,
        ranked.reciprocal_rank,
        labels.object_label,
    from ranked
    left join labels using (language_code, relation_id, best_object_id)
),

scoped as (
    select
        answers.* replace (scope.relation_id as relation_id),
    from answers
    cross join unnest([answers.relation_id, 'all']) as scope (relation_id)
),

by_answer as (
    select
        {{ key_list }},
        answer,
        count(*) as fact_count,
        count(*) filter (where is_right) as right_count,
    from scoped
    group by all
),

counts as (
    select
        {{ key_list }},
        sum(fact_count)::bigint as fact_count,
        sum(right_count)::bigint as right_count,
        count(answer) as answer_count,
        min_by(answer, (-fact_count, answer)) filter (where answer is not null) as commonest_answer,
        coalesce(max(fact_count) filter (where answer is not null), 0) as commonest_count,
    from by_answer
    group by all
),

ranked_answers as (
    select * from scoped
    where reciprocal_rank is not null
),

means as (
    {{ observed_block_means("ranked_answers", keys, ["reciprocal_rank"]) }}
),

final as (
    select
        {{ key_list }},
        counts.fact_count,
        counts.right_count,
        {{ wilson("counts.right_count", "counts.fact_count", "right_rate") }},
        means.reciprocal_rank_score,
        means.reciprocal_rank_score_low,
        means.reciprocal_rank_score_high,
        counts.answer_count,
        counts.commonest_answer,
        counts.commonest_count,
        {{ wilson("counts.commonest_count", "counts.fact_count", "commonest_rate") }},
    from counts
    left join means using ({{ key_list }})
    order by {{ key_list }}
)

select * from final
