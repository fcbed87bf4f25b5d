{{ config(materialized='table') }}

{%- set keys = "model_id, method_code, language_a, language_b" %}
{%- set means = {
    "jaccard": ("jaccard_sum", "jaccard_count"),
    "relation_excess": ("relation_excess_sum", "relation_count"),
    "object_excess": ("object_excess_sum", "object_count"),
} %}

with weights as (
    {{ bootstrap_weights(64) }}
),

replicates as (
    select
        {{ keys }},
        weights.replicate_index,
        {%- for name, (total, count) in means.items() %}
        sum(weights.resample_count * blocks.{{ total }} order by block_index)
            / nullif(sum(weights.resample_count * blocks.{{ count }}), 0) as {{ name }},
        {%- endfor %}
    from {{ ref('int_neuron_pair_blocks') }} as blocks
    inner join weights using (block_index)
    where weights.resample_count > 0
    group by all
),

block_counts as (
    select
        {{ keys }},
        {%- for name, (_, count) in means.items() %}
        count(*) filter (where {{ count }} > 0) as {{ name }}_block_count,
        {%- endfor %}
    from {{ ref('int_neuron_pair_blocks') }}
    group by all
),

final as (
    select
        {{ keys }},
        {%- for name in means %}
        any_value({{ name }}_block_count) as {{ name }}_block_count,
        {%- for bound, quantile in [("low", 0.025), ("high", 0.975)] %}
        case
            when any_value({{ name }}_block_count) >= {{ var("smallest_sample", 5) }}
            then quantile_cont({{ name }}, {{ quantile }})
        end as {{ name }}_{{ bound }},
        {%- endfor %}
        {%- endfor %}
    from replicates
    inner join block_counts using ({{ keys }})
    group by all
)

select * from final
