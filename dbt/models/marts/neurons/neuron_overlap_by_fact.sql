{%- set keys = "model_id, method_code, fact_id" %}
{%- set nulls = ["relation", "object"] %}

with
int_fact_overlaps as (select * from {{ ref('int_fact_overlaps') }}),

tests as (
    select
        {{ keys }},
        relation_id,
        object_id,
        language_count,
        language_pair_count,
        neuron_jaccard_score,
        {%- for null in nulls %}
        {{ null }}_null_count,
        {{ null }}_language_count,
        {{ null }}_null_score,
        {{ null }}_excess_sum / nullif({{ null }}_null_count, 0) as {{ null }}_excess,
        case
            when {{ null }}_language_count >= {{ var("smallest_language_sample", 5) }}
            then {{ null }}_error
        end as {{ null }}_usable_error,
        case
            when {{ null }}_usable_error > 0
            then {{ student_tail(
                "(" ~ null ~ "_excess_sum / " ~ null ~ "_null_count / " ~ null ~ "_error)",
                "(" ~ null ~ "_language_count - 1)",
            ) }}
        end as {{ null }}_p,
        {%- endfor %}
    from int_fact_overlaps
),

adjusted as (
    {{ adjust_p_values("tests", ["model_id", "method_code"], ["relation_p", "object_p"]) }}
),

final as (
    select
        {{ keys }},
        relation_id,
        object_id,
        language_count,
        language_pair_count,
        neuron_jaccard_score,
        {%- for null in nulls %}
        {{ null }}_null_count,
        {{ null }}_null_score,
        {{ null }}_excess as {{ null }}_excess_score,
        {{ null }}_excess
            - {{ student_quantile("nullif(" ~ null ~ "_language_count - 1, 0)") }} * {{ null }}_usable_error
            as {{ null }}_excess_score_low,
        {{ null }}_excess
            + {{ student_quantile("nullif(" ~ null ~ "_language_count - 1, 0)") }} * {{ null }}_usable_error
            as {{ null }}_excess_score_high,
        {{ null }}_p as {{ null }}_p_value,
        {{ null }}_p_adjusted as {{ null }}_adjusted_p_value,
        {{ null }}_p_adjusted < {{ var("significance_level", 0.05) }} as is_above_{{ null }}_null,
        {%- endfor %}
    from adjusted
    order by {{ keys }}
)

select * from final
