with
int_fact_neurons as not materialized (select * from {{ ref('int_fact_neurons') }}),

-- Ranks have no gaps, so a fact with neurons has exactly one of rank 1.
scored as (
    select
        model_id,
        method_code,
        language_code,
        count(*) filter (where neuron_rank = 1) as scored_fact_count,
    from int_fact_neurons
    group by all
),

neurons as (
    select
        model_id,
        method_code,
        language_code,
        layer_index,
        neuron_index,
        count(*) as active_fact_count,
        (sum(neuron_score::decimal(18, 9)) / count(neuron_score))::double as neuron_score,
    from int_fact_neurons
    group by all
),

hubs as (
    select
        *,
        row_number() over (
            partition by model_id, method_code, language_code
            order by active_fact_count desc, layer_index, neuron_index
        ) as hub_rank,
    from neurons
    where active_fact_count >= 2
    qualify hub_rank <= {{ var("hub_neuron_count", 100) }}
),

relations as (
    select
        model_id,
        method_code,
        language_code,
        layer_index,
        neuron_index,
        count(distinct relation_id) as relation_count,
    from int_fact_neurons
    semi join hubs using (model_id, method_code, language_code, layer_index, neuron_index)
    group by all
),

languages as (
    select
        model_id,
        method_code,
        layer_index,
        neuron_index,
        count(*) as language_count,
    from neurons
    semi join hubs using (model_id, method_code, layer_index, neuron_index)
    group by all
),

final as (
    select
        hubs.model_id,
        hubs.method_code,
        hubs.language_code,
        hubs.hub_rank,
        hubs.layer_index,
        hubs.neuron_index,
        hubs.active_fact_count,
        scored.scored_fact_count,
        {{ wilson('hubs.active_fact_count', 'scored.scored_fact_count', 'active_rate') }},
        relations.relation_count,
        languages.language_count,
        hubs.neuron_score,
    from hubs
    inner join scored using (model_id, method_code, language_code)
    inner join relations using (model_id, method_code, language_code, layer_index, neuron_index)
    inner join languages using (model_id, method_code, layer_index, neuron_index)
    order by model_id, method_code, language_code, hub_rank
)

select * from final
