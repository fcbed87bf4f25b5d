with
fct_active_neurons as (select * from {{ ref('fct_active_neurons') }}),
fct_knowledge_neurons as (select * from {{ ref('fct_knowledge_neurons') }}),

final as (
    select
        model_id,
        method_code,
        language_code,
        fact_id,
        neuron_rank,
        relation_id,
        layer_index,
        neuron_index,
        neuron_score,
    from fct_active_neurons
    union all
    select
        model_id,
        method_code,
        language_code,
        fact_id,
        neuron_rank,
        relation_id,
        layer_index,
        neuron_index,
        attribution_score,
    from fct_knowledge_neurons
)

select * from final
