{%- set by_language = var("knowledge_threshold_by_language", {}) %}

with
stg_lake__knowledge_neurons as (select * from {{ ref('stg_lake__knowledge_neurons') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),
dim_models as (select * from {{ ref('dim_models') }}),
int_attributed_facts as (select * from {{ ref('int_attributed_facts') }}),

-- An integral that does not add up does not say which neurons it missed. Imported neurons say nothing of it.
incomplete as (
    select
        model_id,
        mode_code,
        language_code,
        fact_id,
    from int_attributed_facts
    where not is_complete
),

ranked as (
    select
        neurons.*,
        facts.relation_id,
        facts.object_id,
        max(neurons.attribution_score) over (
            partition by neurons.model_id, neurons.language_code, neurons.fact_id, neurons.mode_code
        ) as largest_score,
        case neurons.language_code
            {%- for language, threshold in by_language.items() %}
            when '{{ language }}' then {{ threshold }}
            {%- endfor %}
            else {{ var("knowledge_threshold", 0.3) }}
        end as threshold,
    from stg_lake__knowledge_neurons as neurons
    inner join int_language_facts as facts using (language_code, fact_id)
    semi join dim_models using (model_id)
    anti join incomplete using (model_id, mode_code, language_code, fact_id)
),

final as (
    select
        model_id,
        {{ method_of_mode("mode_code") }} as method_code,
        language_code,
        fact_id,
        neuron_rank,
        relation_id,
        object_id,
        layer_index,
        neuron_index,
        attribution_score,
        attribution_score::double / largest_score as relative_score,
    from ranked
    -- A fact without a neuron that raises its probability has no knowledge neurons.
    where largest_score is null or (largest_score > 0 and attribution_score::double / largest_score > threshold)
    order by model_id, method_code, language_code, fact_id, neuron_rank
)

select * from final
