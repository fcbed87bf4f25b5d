{{ config(materialized='table') }}

with
dim_facts as (select * from {{ ref('dim_facts') }}),
int_neuron_overlaps as (select * from {{ ref('int_neuron_overlaps') }}),

blocks as (
    select
        fact_id,
        {{ object_block() }} as block_index,
    from dim_facts
),

final as (
    select
        model_id,
        method_code,
        language_a,
        language_b,
        block_index,
        count(*) as jaccard_count,
        {{ exact_sum("jaccard_score") }} as jaccard_total,
        {%- for null in ["relation", "object"] %}
        {{ exact_sum(null ~ "_null_score") }} as {{ null }}_null_total,
        count({{ null }}_null_score) as {{ null }}_excess_count,
        {{ exact_sum("jaccard_score - " ~ null ~ "_null_score") }} as {{ null }}_excess_total,
        {%- endfor %}
    from int_neuron_overlaps
    inner join blocks using (fact_id)
    group by all
)

select * from final
