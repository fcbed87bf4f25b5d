with
fct_knowledge_neurons as (select * from {{ ref('fct_knowledge_neurons') }}),
fct_active_neurons as (select * from {{ ref('fct_active_neurons') }}),
dim_models as (select * from {{ ref('dim_models') }}),

driving as (
    select
        model_id,
        method_code,
        language_code,
        fact_id,
        layer_index,
        neuron_index,
    from fct_knowledge_neurons
),

-- Layer outputs are no FFN neurons, so those variants of PROBELESS cannot be compared.
standing_out as (
    select
        model_id,
        method_code as other_method_code,
        language_code,
        fact_id,
        layer_index,
        neuron_index,
    from fct_active_neurons
    semi join driving using (model_id, language_code, fact_id)
    where method_code in ('probeless', 'probeless-normalised')
),
{%- for source, method in [("driving", "method_code"), ("standing_out", "other_method_code")] %}

{{ source }}_layers as (
    select
        model_id,
        {{ method }},
        language_code,
        fact_id,
        layer_index,
        count(*) as neuron_count,
    from {{ source }}
    group by all
),

{{ source }}_facts as (
    select
        model_id,
        {{ method }},
        language_code,
        fact_id,
        sum(neuron_count)::bigint as neuron_count,
    from {{ source }}_layers
    group by all
),
{%- endfor %}

shared as (
    select
        model_id,
        driving.method_code,
        standing_out.other_method_code,
        language_code,
        fact_id,
        count(*) as shared_count,
    from driving
    inner join standing_out using (model_id, language_code, fact_id, layer_index, neuron_index)
    group by all
),

-- In a layer of a neurons, a random set of b shares b * c / a neurons with a given set of c on average
-- (hypergeometric distribution).
expected as (
    select
        model_id,
        driving.method_code,
        standing_out.other_method_code,
        language_code,
        fact_id,
        sum(driving.neuron_count * standing_out.neuron_count / models.neuron_count) as expected_count,
    from driving_layers as driving
    inner join standing_out_layers as standing_out using (model_id, language_code, fact_id, layer_index)
    inner join dim_models as models using (model_id)
    group by all
),

final as (
    select
        driving.model_id,
        driving.method_code,
        standing_out.other_method_code,
        driving.language_code,
        driving.fact_id,
        driving.neuron_count,
        standing_out.neuron_count as other_neuron_count,
        coalesce(shared.shared_count, 0) as shared_count,
        coalesce(expected.expected_count, 0) as expected_count,
    from driving_facts as driving
    inner join standing_out_facts as standing_out using (model_id, language_code, fact_id)
    left join shared using (model_id, method_code, other_method_code, language_code, fact_id)
    left join expected using (model_id, method_code, other_method_code, language_code, fact_id)
)

select * from final
