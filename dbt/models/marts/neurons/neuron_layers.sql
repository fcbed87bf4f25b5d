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

fact_sizes as (
    select
        model_id,
        method_code,
        language_code,
        fact_id,
        sum(active_count) as fact_neuron_count,
    from facts
    group by all
),

totals as (
    select
        model_id,
        method_code,
        language_code,
        count(*) as scored_fact_count,
        sum(fact_neuron_count)::bigint as neuron_count,
        sum(fact_neuron_count * fact_neuron_count)::double as neuron_square_sum,
    from fact_sizes
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
        sum(active_count * fact_neuron_count)::double as cross_sum,
    from facts
    inner join fact_sizes using (model_id, method_code, language_code, fact_id)
    group by all
),

shares as (
    select
        layers.*,
        coalesce(sums.active_count, 0) as active_neuron_count,
        coalesce(sums.active_count, 0) / layers.neuron_count::double as share,
        coalesce(sums.active_square_sum, 0) as active_square_sum,
        coalesce(sums.cross_sum, 0) as cross_sum,
    from layers
    left join sums using (model_id, method_code, language_code, layer_index)
),

-- The neurons of a fact depend on each other, so the interval is over facts: of a ratio of two sums,
-- because facts can differ in how many neurons they have. Written out, the sum over facts of
-- (neurons in the layer - share * neurons)^2.
errors as (
    select
        *,
        sqrt(
            greatest(0, active_square_sum - 2 * share * cross_sum + share * share * neuron_square_sum)
            * scored_fact_count / nullif(scored_fact_count - 1, 0)
        ) / neuron_count as share_error,
    from shares
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
    from errors
    order by model_id, method_code, language_code, layer_index
)

select * from final
