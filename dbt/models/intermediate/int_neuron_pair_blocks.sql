{{ config(materialized='table') }}

-- Facts with one object go together: PROBELESS follows the object, so they are not independent.
with final as (
    select
        model_id,
        method_code,
        language_a,
        language_b,
        floor({{ draw("relation_id || ':' || object_id") }} * 64)::integer as block_index,
        count(*) as jaccard_count,
        sum(jaccard_score order by fact_id) as jaccard_sum,
        count(relation_null_score) as relation_count,
        sum(relation_null_score order by fact_id) as relation_null_sum,
        sum(jaccard_score - relation_null_score order by fact_id) as relation_excess_sum,
        count(object_null_score) as object_count,
        sum(object_null_score order by fact_id) as object_null_sum,
        sum(jaccard_score - object_null_score order by fact_id) as object_excess_sum,
    from {{ ref('int_neuron_overlaps') }}
    group by all
)

select * from final
