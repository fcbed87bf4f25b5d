{%- set keys = "model_id, method_code, fact_id" %}
{%- set nulls = ["relation", "object"] %}

with compared as (
    select
        *,
        {%- for null in nulls %}
        jaccard_score - {{ null }}_null_score as {{ null }}_excess,
        {%- endfor %}
    from {{ ref('int_neuron_overlaps') }}
),

means as (
    select
        {{ keys }},
        any_value(relation_id) as relation_id,
        any_value(object_id) as object_id,
        count(*) as language_pair_count,
        {{ exact_mean("jaccard_score") }} as neuron_jaccard_score,
        {%- for null in nulls %}
        count({{ null }}_excess) as {{ null }}_null_count,
        {{ exact_mean(null ~ "_null_score") }} as {{ null }}_null_score,
        {{ exact_sum(null ~ "_excess") }} as {{ null }}_excess_sum,
        {%- endfor %}
    from compared
    group by all
),

ends as (
    {%- for language in ["language_a", "language_b"] %}
    select
        {{ keys }},
        {{ language }} as language_code,
        {%- for null in nulls %}
        count({{ null }}_excess) as {{ null }}_count,
        {{ exact_sum(null ~ "_excess") }} as {{ null }}_sum,
        {%- endfor %}
    from compared
    group by all
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

languages as (
    select
        {{ keys }},
        language_code,
        {%- for null in nulls %}
        sum({{ null }}_count) as {{ null }}_count,
        sum({{ null }}_sum order by {{ null }}_sum) as {{ null }}_sum,
        {%- endfor %}
    from ends
    group by all
),

-- Pairs share languages, so the error comes from leaving out one language at a time (jackknife).
left_out as (
    select
        {{ keys }},
        languages.language_code,
        {%- for null in nulls %}
        case
            when languages.{{ null }}_count > 0
            then (means.{{ null }}_excess_sum - languages.{{ null }}_sum)
                / nullif(means.{{ null }}_null_count - languages.{{ null }}_count, 0)
        end as {{ null }}_mean,
        {%- endfor %}
    from languages
    inner join means using ({{ keys }})
),

errors as (
    select
        {{ keys }},
        count(*) as language_count,
        {%- for null in nulls %}
        count({{ null }}_mean) as {{ null }}_language_count,
        sqrt(
            var_pop({{ null }}_mean order by language_code) * (count({{ null }}_mean) - 1)
        ) as {{ null }}_error,
        {%- endfor %}
    from left_out
    group by all
),

tests as (
    select
        {{ keys }},
        means.relation_id,
        means.object_id,
        errors.language_count,
        means.language_pair_count,
        means.neuron_jaccard_score,
        {%- for null in nulls %}
        means.{{ null }}_null_count,
        errors.{{ null }}_language_count,
        means.{{ null }}_null_score,
        means.{{ null }}_excess_sum / nullif(means.{{ null }}_null_count, 0) as {{ null }}_excess,
        case
            when errors.{{ null }}_language_count >= {{ var("smallest_sample", 5) }}
            then errors.{{ null }}_error
        end as {{ null }}_usable_error,
        case
            when {{ null }}_usable_error > 0
            then {{ student_tail(
                "(means." ~ null ~ "_excess_sum / means." ~ null ~ "_null_count / errors." ~ null ~ "_error)",
                "(errors." ~ null ~ "_language_count - 1)",
            ) }}
        end as {{ null }}_p,
        {%- endfor %}
    from means
    inner join errors using ({{ keys }})
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
        {{ null }}_excess - {{ var("interval_z") }} * {{ null }}_usable_error as {{ null }}_excess_score_low,
        {{ null }}_excess + {{ var("interval_z") }} * {{ null }}_usable_error as {{ null }}_excess_score_high,
        {{ null }}_p as {{ null }}_p_value,
        {{ null }}_p_adjusted as {{ null }}_adjusted_p_value,
        {{ null }}_p_adjusted < {{ var("significance_level", 0.05) }} as is_above_{{ null }}_null,
        {%- endfor %}
    from adjusted
    order by {{ keys }}
)

select * from final
