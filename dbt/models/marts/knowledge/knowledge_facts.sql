with
stg_lake__attribution_quality as (select * from {{ ref('stg_lake__attribution_quality') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),
dim_models as (select * from {{ ref('dim_models') }}),
stg_lake__knowledge_neurons as (select * from {{ ref('stg_lake__knowledge_neurons') }}),
fct_knowledge_neurons as (select * from {{ ref('fct_knowledge_neurons') }}),

layers as (
    select
        quality.model_id,
        {{ method_of_mode("quality.mode_code") }} as method_code,
        quality.language_code,
        quality.fact_id,
        facts.relation_id,
        facts.object_id,
        any_value(quality.object_token_count) as object_token_count,
        any_value(quality.clean_probability) as clean_probability,
        max(quality.completeness_residual) as largest_residual,
    from stg_lake__attribution_quality as quality
    inner join int_language_facts as facts using (language_code, fact_id)
    semi join dim_models using (model_id)
    group by all
),

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
        layers.model_id,
        layers.method_code,
        layers.language_code,
        layers.fact_id,
        layers.relation_id,
        layers.object_id,
        layers.object_token_count,
        layers.clean_probability,
        kept.largest_score,
        coalesce(above.neuron_count, 0) as neuron_count,
        coalesce(above.neuron_count, 0) = kept.kept_count as is_cut,
        layers.largest_residual,
    from layers
    inner join kept using (model_id, method_code, language_code, fact_id)
    left join above using (model_id, method_code, language_code, fact_id)
    order by model_id, method_code, language_code, fact_id
)

select * from final
