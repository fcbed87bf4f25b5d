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

by_relation as (
    select
        model_id,
        method_code,
        language_code,
        relation_id,
        layer_index,
        neuron_index,
        count(*) as active_fact_count,
        sum(neuron_score::decimal(18, 9)) as score_sum,
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
        sum(active_fact_count)::bigint as active_fact_count,
        count(*) as relation_count,
        (sum(score_sum) / sum(active_fact_count))::double as neuron_score,
    from by_relation
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
    group by all
),

ranked as (
    select
        *,
        row_number() over (
            partition by model_id, method_code, language_code
            order by active_fact_count desc, layer_index, neuron_index
        ) as hub_rank,
    from neurons
    where active_fact_count >= 2
),

final as (
    select
        ranked.model_id,
        ranked.method_code,
        ranked.language_code,
        ranked.hub_rank,
        ranked.layer_index,
        ranked.neuron_index,
        ranked.active_fact_count,
        scored.scored_fact_count,
        {{ wilson('ranked.active_fact_count', 'scored.scored_fact_count', 'active_rate') }},
        ranked.relation_count,
        languages.language_count,
        ranked.neuron_score,
    from ranked
    inner join scored using (model_id, method_code, language_code)
    inner join languages using (model_id, method_code, layer_index, neuron_index)
    where ranked.hub_rank <= {{ var("hub_neuron_count", 100) }}
    order by model_id, method_code, language_code, hub_rank
)

select * from final
