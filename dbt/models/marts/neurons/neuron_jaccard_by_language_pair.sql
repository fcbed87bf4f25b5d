{%- set keys = "model_id, method_code, language_a, language_b" %}
{%- set nulls = ["relation", "object"] %}

with
fct_active_neurons as (select * from {{ ref('fct_active_neurons') }}),
dim_languages as not materialized (select * from {{ ref('dim_languages') }}),
int_neuron_pair_blocks as (select * from {{ ref('int_neuron_pair_blocks') }}),
int_neuron_pair_intervals as not materialized (select * from {{ ref('int_neuron_pair_intervals') }}),

language_pairs as (
    select
        variants.model_id,
        variants.method_code,
        a.language_code as language_a,
        b.language_code as language_b,
    from (select distinct model_id, method_code from fct_active_neurons) as variants
    cross join dim_languages as a
    inner join dim_languages as b on a.language_code < b.language_code
),

null_means as (
    select
        {{ keys }},
        {%- for null in nulls %}
        sum({{ null }}_null_total order by block_index) / nullif(sum({{ null }}_excess_count), 0) as {{ null }}_null_score,
        {%- endfor %}
    from int_neuron_pair_blocks
    group by all
),

tests as (
    select
        {{ keys }},
        coalesce(means.jaccard_count, 0) as fact_count,
        means.jaccard_score as neuron_jaccard_score,
        if(means.jaccard_score_low < 0, 0, means.jaccard_score_low) as neuron_jaccard_score_low,
        if(means.jaccard_score_high > 1, 1, means.jaccard_score_high) as neuron_jaccard_score_high,
        {%- for null in nulls %}
        coalesce(means.{{ null }}_excess_count, 0) as {{ null }}_null_count,
        coalesce(means.{{ null }}_excess_block_count, 0) as {{ null }}_block_count,
        null_means.{{ null }}_null_score,
        means.{{ null }}_excess_score,
        means.{{ null }}_excess_score_low,
        means.{{ null }}_excess_score_high,
        case
            when means.{{ null }}_excess_error > 0
            then {{ student_tail(
                "(means." ~ null ~ "_excess_score / means." ~ null ~ "_excess_error)",
                "(means." ~ null ~ "_excess_block_count - 1)",
            ) }}
        end as {{ null }}_p,
        {%- endfor %}
    from language_pairs
    left join null_means using ({{ keys }})
    left join int_neuron_pair_intervals as means using ({{ keys }})
),

adjusted as (
    {{ adjust_p_values("tests", ["model_id", "method_code"], ["relation_p", "object_p"]) }}
),

final as (
    select
        {{ keys }},
        fact_count,
        neuron_jaccard_score,
        neuron_jaccard_score_low,
        neuron_jaccard_score_high,
        {%- for null in nulls %}
        {{ null }}_null_count,
        {{ null }}_block_count,
        {{ null }}_null_score,
        {{ null }}_excess_score,
        {{ null }}_excess_score_low,
        {{ null }}_excess_score_high,
        {{ null }}_p as {{ null }}_p_value,
        {{ null }}_p_adjusted as {{ null }}_adjusted_p_value,
        {{ null }}_p_adjusted < {{ var("significance_level", 0.05) }} as is_above_{{ null }}_null,
        {%- endfor %}
    from adjusted
    order by {{ keys }}
)

select * from final
