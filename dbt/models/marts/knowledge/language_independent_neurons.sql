with
knowledge_facts as (select * from {{ ref('knowledge_facts') }}),
fct_knowledge_neurons as (select * from {{ ref('fct_knowledge_neurons') }}),

attributed as (
    select
        model_id,
        method_code,
        fact_id,
        count(*) as language_count,
    from knowledge_facts
    where is_complete
    group by all
),

shared as (
    select
        model_id,
        method_code,
        fact_id,
        relation_id,
        object_id,
        layer_index,
        neuron_index,
        count(*) as shared_language_count,
        list(language_code order by language_code) as language_codes,
        avg(attribution_score::double order by language_code) as attribution_score,
    from fct_knowledge_neurons
    group by all
    having count(*) >= 2
),

final as (
    select
        shared.model_id,
        shared.method_code,
        shared.fact_id,
        shared.layer_index,
        shared.neuron_index,
        shared.relation_id,
        shared.object_id,
        shared.shared_language_count,
        attributed.language_count,
        shared.shared_language_count = attributed.language_count as is_language_independent,
        shared.language_codes,
        shared.attribution_score,
    from shared
    inner join attributed using (model_id, method_code, fact_id)
    order by model_id, method_code, fact_id, layer_index, neuron_index
)

select * from final
