with
int_fact_neurons as (select * from {{ ref('int_fact_neurons') }}),
dim_models as (select * from {{ ref('dim_models') }}),

facts as (
    select
        model_id,
        method_code,
        language_code,
        fact_id,
        layer_index,
        count(*) as active_count,
    from int_fact_neurons
    group by all
),

totals as (
    select
        model_id,
        method_code,
        language_code,
        count(distinct fact_id) as scored_fact_count,
        sum(active_count)::bigint as neuron_count,
    from facts
    group by all
),

layers as (
    select
        totals.*,
        layer.layer_index,
    from totals
    inner join dim_models as models using (model_id)
    cross join lateral (select unnest(range(models.layer_count))::integer as layer_index) as layer
),

sums as (
    select
        model_id,
        method_code,
        language_code,
        layer_index,
        sum(active_count)::bigint as active_count,
        sum(active_count * active_count)::double as active_square_sum,
    from facts
    group by all
),

-- The neurons of a fact depend on each other, so the interval is over facts.
shares as (
    select
        layers.*,
        coalesce(sums.active_count, 0) as active_neuron_count,
        coalesce(sums.active_count, 0) / layers.neuron_count::double as share,
        sqrt(
            greatest(
                0,
                coalesce(sums.active_square_sum, 0)
                - power(coalesce(sums.active_count, 0), 2) / layers.scored_fact_count
            )
            * layers.scored_fact_count / nullif(layers.scored_fact_count - 1, 0)
        ) / layers.neuron_count as share_error,
    from layers
    left join sums using (model_id, method_code, language_code, layer_index)
),

final as (
    select
        model_id,
        method_code,
        language_code,
        layer_index,
        scored_fact_count,
        active_neuron_count,
        neuron_count,
        share as layer_rate,
        greatest(0, share - {{ var('interval_z') }} * share_error) as layer_rate_low,
        least(1, share + {{ var('interval_z') }} * share_error) as layer_rate_high,
    from shares
    order by model_id, method_code, language_code, layer_index
)

select * from final
