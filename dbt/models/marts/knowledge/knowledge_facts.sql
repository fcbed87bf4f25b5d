with
int_attributed_facts as (select * from {{ ref('int_attributed_facts') }}),
stg_lake__knowledge_neurons as (select * from {{ ref('stg_lake__knowledge_neurons') }}),
fct_knowledge_neurons as (select * from {{ ref('fct_knowledge_neurons') }}),

kept as (
    select
        model_id,
        {{ method_of_mode("mode_code") }} as method_code,
        language_code,
        fact_id,
        count(*) as kept_count,
        max(attribution_score) as largest_score,
    from stg_lake__knowledge_neurons
    group by all
),

above as (
    select
        model_id,
        method_code,
        language_code,
        fact_id,
        count(*) as neuron_count,
    from fct_knowledge_neurons
    group by all
),

final as (
    select
        facts.model_id,
        facts.method_code,
        facts.language_code,
        facts.fact_id,
        facts.relation_id,
        facts.object_id,
        facts.object_token_count,
        facts.clean_probability,
        kept.largest_score,
        coalesce(above.neuron_count, 0) as neuron_count,
        coalesce(above.neuron_count, 0) = kept.kept_count as is_cut,
        facts.largest_residual,
        facts.is_complete,
    from int_attributed_facts as facts
    inner join kept using (model_id, method_code, language_code, fact_id)
    left join above using (model_id, method_code, language_code, fact_id)
    order by model_id, method_code, language_code, fact_id
)

select * from final
