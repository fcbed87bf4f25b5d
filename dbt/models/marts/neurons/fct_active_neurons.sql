-- A model or language that left the study keeps its parts, but they are not part of it any more.
with final as (
    select
        neurons.model_id,
        neurons.language_code,
        neurons.fact_id,
        neurons.method_code,
        neurons.neuron_rank,
        facts.relation_id,
        facts.object_id,
        neurons.layer_index,
        neurons.neuron_index,
        neurons.neuron_score,
    from {{ ref('stg_lake__active_neurons') }} as neurons
    inner join {{ ref('int_language_facts') }} as facts using (language_code, fact_id)
    semi join {{ ref('dim_models') }} as models using (model_id)
    order by model_id, method_code, language_code, fact_id, neuron_rank
)

select * from final
