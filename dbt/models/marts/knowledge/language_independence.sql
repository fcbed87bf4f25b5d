-- Facts that were attributed in every language of the method, so that all languages are compared on
-- the same facts.
with languages as (
    select
        model_id,
        method_code,
        language_code,
        row_number() over (partition by model_id, method_code order by language_code) as language_number,
        count(*) over (partition by model_id, method_code) as language_count,
    from (select distinct model_id, method_code, language_code from {{ ref('knowledge_facts') }}) as known
),

complete as (
    select
        facts.model_id,
        facts.method_code,
        facts.fact_id,
        languages.language_count,
    from {{ ref('knowledge_facts') }} as facts
    inner join languages using (model_id, method_code, language_code)
    group by all
    having count(*) = languages.language_count
),

-- The null gives every language another fact: all facts stand in a ring, in an order drawn once, and
-- the language of number j takes the one j places on. With fewer facts than languages one would come
-- twice: then there is no null.
rings as (
    select
        *,
        row_number() over (
            partition by model_id, method_code
            order by {{ draw("fact_id") }}, fact_id
        ) - 1 as place,
        count(*) over (partition by model_id, method_code) as fact_count,
    from complete
),

members as (
    select
        rings.model_id,
        rings.method_code,
        neurons.layer_index,
        neurons.neuron_index,
        rings.place as own_place,
        case
            when rings.fact_count >= rings.language_count
            then (rings.place + languages.language_number) % rings.fact_count
        end as null_place,
    from {{ ref('fct_knowledge_neurons') }} as neurons
    inner join rings using (model_id, method_code, fact_id)
    inner join languages using (model_id, method_code, language_code)
),
{%- for kind in ["own", "null"] %}

{{ kind }}_shared as (
    select
        model_id,
        method_code,
        {{ kind }}_place as place,
        layer_index,
        neuron_index,
        count(*) as shared_language_count,
    from members
    where {{ kind }}_place is not null
    group by all
),
{%- endfor %}

levels as (
    select distinct
        model_id,
        method_code,
        language_count,
        fact_count,
        unnest(range(2, language_count + 1)) as shared_language_count,
    from rings
),
{%- for kind in ["own", "null"] %}

{{ kind }}_counts as (
    select
        levels.model_id,
        levels.method_code,
        levels.shared_language_count,
        count(distinct shared.place) as fact_count,
        count(*) as neuron_count,
    from levels
    inner join {{ kind }}_shared as shared
        on levels.model_id = shared.model_id
        and levels.method_code = shared.method_code
        and shared.shared_language_count >= levels.shared_language_count
    group by all
),
{%- endfor %}

final as (
    select
        levels.model_id,
        levels.method_code,
        levels.shared_language_count,
        levels.language_count,
        levels.fact_count as attributed_fact_count,
        coalesce(own_counts.fact_count, 0) as shared_fact_count,
        {{ wilson("coalesce(own_counts.fact_count, 0)", "levels.fact_count", "shared_fact_rate") }},
        coalesce(own_counts.neuron_count, 0) / levels.fact_count as shared_neuron_score,
        case
            when levels.fact_count >= levels.language_count
            then coalesce(null_counts.fact_count, 0) / levels.fact_count
        end as null_fact_score,
        case
            when levels.fact_count >= levels.language_count
            then coalesce(null_counts.neuron_count, 0) / levels.fact_count
        end as null_neuron_score,
    from levels
    left join own_counts using (model_id, method_code, shared_language_count)
    left join null_counts using (model_id, method_code, shared_language_count)
    order by model_id, method_code, shared_language_count
)

select * from final
