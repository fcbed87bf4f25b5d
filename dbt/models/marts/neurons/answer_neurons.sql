with
neurons as (select * from {{ without_database(ref('fct_active_neurons')) }}),
models as (select * from {{ without_database(ref('dim_models')) }}),
languages as (select * from {{ without_database(ref('dim_languages')) }}),
relations as (select * from {{ without_database(ref('dim_relations')) }}),
facts as (select * from {{ without_database(ref('dim_facts')) }}),

final as (
    select
        neurons.model_id,
        neurons.language_code,
        languages.language_name,
        neurons.fact_id,
        neurons.relation_id,
        relations.relation_name,
        facts.subject_label as fact_subject_label,
        facts.object_label as fact_object_label,
        neurons.method_code,
        neurons.neuron_rank,
        neurons.layer_index,
        neurons.neuron_index,
        (
            neurons.neuron_index * 16
            // if(neurons.method_code like 'probeless-layer%', models.hidden_size, models.neuron_count)
        )::integer as bin_index,
        neurons.neuron_score,
    from neurons
    inner join models on neurons.model_id = models.model_id
    left join languages on neurons.language_code = languages.language_code
    left join relations on neurons.relation_id = relations.relation_id
    left join facts on neurons.fact_id = facts.fact_id
)

select * from final
