{{ config(materialized='table') }}

{%- set keys = ["model_id", "method_code", "language_a", "language_b"] %}

with
int_neuron_pair_blocks as not materialized (select * from {{ ref('int_neuron_pair_blocks') }}),

final as (
    {{ block_means("int_neuron_pair_blocks", keys, ["jaccard", "relation_excess", "object_excess"]) }}
)

select * from final
