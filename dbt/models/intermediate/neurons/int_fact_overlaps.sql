{{ config(materialized='table') }}

{%- set keys = "model_id, method_code, fact_id" %}
{%- set nulls = ["relation", "object"] %}

with
int_neuron_overlaps as (select * from {{ ref('int_neuron_overlaps') }}),

compared as (
    select
        *,
        {%- for null in nulls %}
        jaccard_score - {{ null }}_null_score as {{ null }}_excess,
        {%- endfor %}
    from int_neuron_overlaps
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

final as (
    select *
    from means
    inner join errors using ({{ keys }})
)

select * from final
