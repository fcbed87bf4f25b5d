with
fct_degenerate_pairs as (select * from {{ ref('fct_degenerate_pairs') }}),
dim_models as (select * from {{ ref('dim_models') }}),

-- Each candidate of a fact once: is any of its pairs degenerate?
members as (
    select
        model_id,
        language_code,
        fact_id,
        side.layer_index,
        side.neuron_index,
        bool_or(is_published_degenerate) as is_published_degenerate,
        bool_or(is_degenerate) as is_degenerate,
    from fct_degenerate_pairs
    cross join unnest([
        { 'layer_index': layer_index_a, 'neuron_index': neuron_index_a },
        { 'layer_index': layer_index_b, 'neuron_index': neuron_index_b }
    ]) as sides (side)
    where not is_random
    group by all
),

layers as (
    select
        places.model_id,
        places.language_code,
        layer.layer_index::integer as layer_index,
    from (select distinct model_id, language_code from members) as places
    inner join dim_models as models using (model_id)
    cross join unnest(range(models.layer_count)) as layer (layer_index)
),

counts as (
    select
        layers.*,
        count(members.fact_id) as knowledge_neuron_count,
        count(*) filter (where members.is_published_degenerate) as published_neuron_count,
        count(*) filter (where members.is_degenerate) as degenerate_neuron_count,
    from layers
    left join members using (model_id, language_code, layer_index)
    group by all
),

final as (
    select
        model_id,
        language_code,
        layer_index,
        {%- for name in ["knowledge", "published", "degenerate"] %}
        {{ name }}_neuron_count,
        {{ name }}_neuron_count / nullif(sum({{ name }}_neuron_count) over layers, 0)::double as {{ name }}_layer_score,
        {%- endfor %}
    from counts
    window layers as (partition by model_id, language_code)
    order by model_id, language_code, layer_index
)

select * from final
