with
stg_lake__active_neurons as (select * from {{ ref('stg_lake__active_neurons') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),
dim_models as (select * from {{ ref('dim_models') }}),

-- Models and languages that left the study keep their parts in the lake; they are left out here.
final as (
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
    from stg_lake__active_neurons as neurons
    inner join int_language_facts as facts using (language_code, fact_id)
    semi join dim_models using (model_id)
    order by model_id, method_code, language_code, fact_id, neuron_rank
)

select * from final
