{%- set keys = ["model_id", "language_code", "relation_id"] %}
{%- set key_list = keys | join(", ") %}
{%- set rates = {
    "first": ("first_count", "fact_count"),
    "mean": ("right_answer_count", "answer_count"),
    "any": ("any_count", "fact_count"),
    "all": ("all_count", "fact_count"),
    "same_answer": ("same_pair_count", "pair_count"),
} %}
{%- set counts = [
    "fact_count", "first_count", "any_count", "all_count", "answer_count", "right_answer_count", "pair_count",
    "same_pair_count",
] %}

with
int_wording_answers as not materialized (select * from {{ ref('int_wording_answers') }}),

facts as (
    select
        model_id,
        language_code,
        fact_id,
        any_value(relation_id) as relation_id,
        any_value(object_cluster) as object_cluster,
        count(*) as answer_count,
        count(*) filter (where is_full_match) as right_answer_count,
        count(*) filter (where is_full_match and template_id = '1') as first_count,
        count(predicted_text) as text_count,
    from int_wording_answers
    group by all
),

-- Answers that are the same make n * (n - 1) / 2 pairs.
same_answers as (
    select
        model_id,
        language_code,
        fact_id,
        sum(same_count * (same_count - 1) / 2)::bigint as same_pair_count,
    from (
        select
            model_id,
            language_code,
            fact_id,
            predicted_text,
            count(*) as same_count,
        from int_wording_answers
        where predicted_text is not null
        group by all
    )
    group by all
),

cells as (
    select
        facts.model_id,
        facts.language_code,
        scope.relation_id,
        facts.object_cluster,
        max(facts.answer_count) as wording_count,
        count(*) as fact_count,
        sum(facts.first_count) as first_count,
        count(*) filter (where facts.right_answer_count > 0) as any_count,
        count(*) filter (where facts.right_answer_count = facts.answer_count) as all_count,
        sum(facts.answer_count) as answer_count,
        sum(facts.right_answer_count) as right_answer_count,
        sum(facts.text_count * (facts.text_count - 1) / 2)::bigint as pair_count,
        coalesce(sum(same_answers.same_pair_count), 0) as same_pair_count,
    from facts
    left join same_answers using (model_id, language_code, fact_id)
    cross join unnest([facts.relation_id, 'all']) as scope (relation_id)
    group by all
),

totals as (
    select
        {{ key_list }},
        max(wording_count)::bigint as wording_count,
        {%- for count in counts %}
        sum({{ count }})::bigint as {{ count }},
        {%- endfor %}
    from cells
    group by all
),

{%- for rate, (numerator, denominator) in rates.items() %}

{{ rate }}_effective as (
    {{ effective_counts("cells", keys, "object_cluster", numerator, denominator, rate) }}
),
{%- endfor %}

final as (
    select
        {{ key_list }},
        totals.wording_count,
        {%- for count in counts %}
        totals.{{ count }},
        {%- endfor %}
        {%- for rate, (numerator, denominator) in rates.items() %}
        totals.{{ numerator }} / nullif(totals.{{ denominator }}, 0) as {{ rate }}_rate,
        {{ clustered_wilson(
            "totals." ~ numerator ~ " / totals." ~ denominator,
            rate ~ "_effective." ~ rate ~ "_effective_count",
            rate ~ "_effective." ~ rate ~ "_cluster_count", rate ~ "_rate"
        ) }},
        {%- endfor %}
    from totals
    {%- for rate in rates %}
    left join {{ rate }}_effective using ({{ key_list }})
    {%- endfor %}
    order by {{ key_list }}
)

select * from final
