-- One fact's active neurons in every language that knows it
-- Each cell counts the fact's active neurons in a sixteenth of a layer: the brighter, the more of the fact's 50 neurons. Similar rows hold the fact in the same place. Shown are the facts known in most languages; factroots report --fact shows others, by id or name.
-- n: format('{:,} facts in up to {:,} languages', count(distinct fact_id), count(distinct language_code))
with known as (
    select fact_id, count(distinct language_code) as language_count
    from fct_active_neurons
    where method_code = 'probeless'
    group by fact_id
),

chosen as (
    select known.fact_id, subject_label || ' → ' || object_label as fact
    from known
    join dim_facts using (fact_id)
    where coalesce(list_contains(getvariable('fact_ids')::varchar[], known.fact_id), true)
    order by known.language_count desc, known.fact_id
    limit 6
)

select
    model_id,
    fact,
    fact_id,
    language_code,
    layer_index * 16 + (
        neuron_index * 16 // coalesce(neuron_count, (select 1 + max(neuron_index) from fct_active_neurons))
    )::integer as place_index,
    count(*) as active_neuron_count,
    layer_index,
from fct_active_neurons
join chosen using (fact_id)
join dim_models using (model_id)
where method_code = 'probeless'
group by all
order by model_id, fact_id, language_code, place_index
