{%- set keys = "model_id, method_code, language_a, language_b" %}
{%- set nulls = ["relation", "object"] %}

with variants as (
    select distinct model_id, method_code
    from {{ ref('fct_active_neurons') }}
),

language_pairs as (
    select
        variants.model_id,
        variants.method_code,
        a.language_code as language_a,
        b.language_code as language_b,
    from variants
    cross join {{ ref('dim_languages') }} as a
    inner join {{ ref('dim_languages') }} as b on a.language_code < b.language_code
),

means as (
    select
        {{ keys }},
        sum(jaccard_count)::bigint as fact_count,
        sum(jaccard_sum order by block_index) / sum(jaccard_count) as neuron_jaccard_score,
        {%- for null in nulls %}
        sum({{ null }}_count)::bigint as {{ null }}_null_count,
        sum({{ null }}_null_sum order by block_index) / nullif(sum({{ null }}_count), 0) as {{ null }}_null_score,
        sum({{ null }}_excess_sum order by block_index)
            / nullif(sum({{ null }}_count), 0) as {{ null }}_excess_score,
        {%- endfor %}
    from {{ ref('int_neuron_pair_blocks') }}
    group by all
),

-- Error of a mean over blocks (Liang & Zeger 1986): each block's pull on the mean, squared.
errors as (
    select
        {{ keys }},
        {%- for null in nulls %}
        sqrt(
            sum(
                power(blocks.{{ null }}_excess_sum - blocks.{{ null }}_count * means.{{ null }}_excess_score, 2)
                order by block_index
            )
            * count(*) filter (where blocks.{{ null }}_count > 0)
            / nullif(count(*) filter (where blocks.{{ null }}_count > 0) - 1, 0)
        ) / any_value(nullif(means.{{ null }}_null_count, 0)) as {{ null }}_error,
        {%- endfor %}
    from {{ ref('int_neuron_pair_blocks') }} as blocks
    inner join means using ({{ keys }})
    group by all
),

tests as (
    select
        {{ keys }},
        coalesce(means.fact_count, 0) as fact_count,
        means.neuron_jaccard_score,
        intervals.jaccard_low as neuron_jaccard_score_low,
        intervals.jaccard_high as neuron_jaccard_score_high,
        {%- for null in nulls %}
        coalesce(means.{{ null }}_null_count, 0) as {{ null }}_null_count,
        coalesce(intervals.{{ null }}_excess_block_count, 0) as {{ null }}_block_count,
        means.{{ null }}_null_score,
        means.{{ null }}_excess_score,
        intervals.{{ null }}_excess_low as {{ null }}_excess_score_low,
        intervals.{{ null }}_excess_high as {{ null }}_excess_score_high,
        case
            when intervals.{{ null }}_excess_block_count >= {{ var("smallest_sample", 5) }}
                and errors.{{ null }}_error > 0
            then {{ student_tail(
                "(means." ~ null ~ "_excess_score / errors." ~ null ~ "_error)",
                "(intervals." ~ null ~ "_excess_block_count - 1)",
            ) }}
        end as {{ null }}_p,
        {%- endfor %}
    from language_pairs
    left join means using ({{ keys }})
    left join errors using ({{ keys }})
    left join {{ ref('int_neuron_pair_intervals') }} as intervals using ({{ keys }})
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
