-- One fact's neurons in three languages
-- The neurons that stand out most for the right answer (PROBELESS), by layer: in one of the three languages only, in two, or in all. Shown is the fact known in most languages; every fact has such a figure on its page, with languages that you choose.
-- n: format('{:,} neurons of {}', count(*), any_value(fact))
with neurons as (
    from fct_active_neurons
    where method_code = 'probeless'
        and coalesce(list_contains(getvariable('fact_ids')::varchar[], fact_id), true)
),

known as (
    select model_id, fact_id, count(distinct language_code) as language_count
    from neurons
    group by all
),

chosen as (
    select model_id, fact_id
    from known
    qualify row_number() over (partition by model_id order by language_count desc, fact_id) = 1
),

languages as (
    select distinct
        model_id,
        language_code,
        dense_rank() over (partition by model_id order by language_family, language_branch, language_code) - 1 as place,
    from neurons
    semi join chosen using (model_id, fact_id)
    join dim_languages using (language_code)
),

-- Three that are far from each other in the order of families.
three as (
    select model_id, language_code
    from languages
    join (select model_id, count(*) as language_count from languages group by all) using (model_id)
    where place in (0, language_count // 3, 2 * language_count // 3)
)

select
    model_id,
    fact_id,
    coalesce(subject_label, subject_id) || ' → ' || coalesce(object_label, dim_facts.object_id) as fact,
    language_code,
    language_name,
    layer_index,
    neuron_index,
    neuron_rank,
    count(*) over (partition by model_id, layer_index, neuron_index) as language_count,
    -- Imported neurons come without the shape of their model.
    coalesce(layer_count, (select 1 + max(layer_index) from fct_active_neurons)) as layer_count,
    coalesce(neuron_count, (select 1 + max(neuron_index) from fct_active_neurons)) as neuron_count,
from neurons
semi join chosen using (model_id, fact_id)
semi join three using (model_id, language_code)
join dim_models using (model_id)
join dim_languages using (language_code)
join dim_facts using (fact_id)
order by model_id, language_family, language_branch, language_code, language_count, neuron_rank
