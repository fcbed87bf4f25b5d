{{ config(materialized='table') }}

{%- set keys = "model_id, method_code, language_a, language_b" %}
{%- set block_count = 64 %}
{%- set means = {
    "jaccard": ("jaccard_sum", "jaccard_count"),
    "relation_excess": ("relation_excess_sum", "relation_count"),
    "object_excess": ("object_excess_sum", "object_count"),
} %}

-- One array of all blocks per pair and per replicate: a replicate's sum is then one inner product.
with weights as (
    select
        replicate_index,
        list(resample_count::double order by block_index)::double[{{ block_count }}] as weight,
    from ({{ bootstrap_weights(block_count) }})
    group by all
),

pairs as (
    select distinct {{ keys }}
    from {{ ref('int_neuron_pair_blocks') }}
),

sums as (
    select
        {{ keys }},
        {%- for name, (total, count) in means.items() %}
        list(coalesce(blocks.{{ total }}, 0) order by block_index)::double[{{ block_count }}] as {{ name }}_total,
        list(coalesce(blocks.{{ count }}, 0) order by block_index)::double[{{ block_count }}] as {{ name }}_count,
        count(*) filter (where blocks.{{ count }} > 0) as {{ name }}_block_count,
        {%- endfor %}
    from pairs
    cross join range({{ block_count }}) as block (block_index)
    left join {{ ref('int_neuron_pair_blocks') }} as blocks using ({{ keys }}, block_index)
    group by all
),

quantiles as (
    select
        {{ keys }},
        {%- for name in means %}
        {{ name }}_block_count,
        quantile_cont(
            array_inner_product({{ name }}_total, weight)
            / nullif(array_inner_product({{ name }}_count, weight), 0),
            [0.025, 0.975]
        ) as {{ name }}_bounds,
        {%- endfor %}
    from sums
    cross join weights
    group by all
),

final as (
    select
        {{ keys }},
        {%- for name in means %}
        {{ name }}_block_count,
        {%- for bound in ["low", "high"] %}
        case
            when {{ name }}_block_count >= {{ var("smallest_sample", 5) }}
            then {{ name }}_bounds[{{ loop.index }}]
        end as {{ name }}_{{ bound }},
        {%- endfor %}
        {%- endfor %}
    from quantiles
)

select * from final
