{{ config(materialized='table') }}

-- Facts with one object go together: PROBELESS follows the object, so they are not independent.
with blocks as (
    select
        fact_id,
        floor({{ draw("relation_id || ':' || object_id") }} * 64)::integer as block_index,
    from {{ ref('dim_facts') }}
),

final as (
    select
        model_id,
        method_code,
        language_a,
        language_b,
        block_index,
        count(*) as jaccard_count,
        {{ exact_sum("jaccard_score") }} as jaccard_sum,
        count(relation_null_score) as relation_count,
        {{ exact_sum("relation_null_score") }} as relation_null_sum,
        {{ exact_sum("jaccard_score - relation_null_score") }} as relation_excess_sum,
        count(object_null_score) as object_count,
        {{ exact_sum("object_null_score") }} as object_null_sum,
        {{ exact_sum("jaccard_score - object_null_score") }} as object_excess_sum,
    from {{ ref('int_neuron_overlaps') }}
    inner join blocks using (fact_id)
    group by all
)

select * from final
