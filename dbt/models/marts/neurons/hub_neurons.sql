with scored as (
    select
        model_id,
        method_code,
        language_code,
        count(distinct fact_id) as scored_fact_count,
    from {{ ref('fct_active_neurons') }}
    group by all
),

neurons as (
    select
        model_id,
        method_code,
        language_code,
        layer_index,
        unit_index,
        count(*) as active_fact_count,
        count(distinct relation_id) as relation_count,
        avg(neuron_score::decimal(18, 9)) as neuron_score,
    from {{ ref('fct_active_neurons') }}
    group by all
),

ranked as (
    select
        *,
        row_number() over (
            partition by model_id, method_code, language_code
            order by active_fact_count desc, layer_index, unit_index
        ) as hub_rank,
        count(*) over (
            partition by model_id, method_code, layer_index, unit_index
        ) as language_count,
    from neurons
),

final as (
    select
        ranked.model_id,
        ranked.method_code,
        ranked.language_code,
        ranked.hub_rank,
        ranked.layer_index,
        ranked.unit_index,
        ranked.active_fact_count,
        scored.scored_fact_count,
        {{ wilson('ranked.active_fact_count', 'scored.scored_fact_count', 'active_rate') }},
        ranked.relation_count,
        ranked.language_count,
        ranked.neuron_score,
    from ranked
    inner join scored using (model_id, method_code, language_code)
    where ranked.hub_rank <= {{ var("hub_neuron_count", 100) }}
    order by model_id, method_code, language_code, hub_rank
)

select * from final
