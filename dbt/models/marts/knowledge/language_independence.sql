with
knowledge_facts as not materialized (select * from {{ ref('knowledge_facts') }}),
fct_knowledge_neurons as (select * from {{ ref('fct_knowledge_neurons') }}),

languages as (
    select
        model_id,
        method_code,
        language_code,
        row_number() over (partition by model_id, method_code order by language_code) as language_number,
        count(*) over (partition by model_id, method_code) as language_count,
    from (select distinct model_id, method_code, language_code from knowledge_facts) as known
),

-- Facts that were attributed in every language, so that all languages are compared on the same facts.
complete as (
    select
        facts.model_id,
        facts.method_code,
        facts.fact_id,
        languages.language_count,
    from knowledge_facts as facts
    inner join languages using (model_id, method_code, language_code)
    where facts.is_complete
    group by all
    having count(*) = languages.language_count
),

-- The null gives every language a different fact: all facts stand in a ring, in an order drawn once,
-- and language j takes the fact j places further. With fewer facts than languages, two languages
-- would get the same fact: then there is no null.
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
        kinds.kind_code,
        if(kinds.kind_code = 'own', rings.place, (rings.place + languages.language_number) % rings.fact_count)
            as place,
    from fct_knowledge_neurons as neurons
    inner join rings using (model_id, method_code, fact_id)
    inner join languages using (model_id, method_code, language_code)
    inner join (values ('own'), ('null')) as kinds (kind_code)
        on kinds.kind_code = 'own' or rings.fact_count >= rings.language_count
),

shared as (
    select
        model_id,
        method_code,
        kind_code,
        place,
        layer_index,
        neuron_index,
        count(*) as shared_language_count,
    from members
    group by all
),

levels as (
    select distinct
        model_id,
        method_code,
        language_count,
        fact_count,
        fact_count >= language_count as has_null,
        unnest(range(2, language_count + 1)) as shared_language_count,
    from rings
),

counts as (
    select
        levels.*,
        {%- for kind in ["own", "null"] %}
        count(distinct shared.place) filter (where shared.kind_code = '{{ kind }}') as {{ kind }}_fact_count,
        count(*) filter (where shared.kind_code = '{{ kind }}') as {{ kind }}_neuron_count,
        {%- endfor %}
    from levels
    left join shared
        on levels.model_id = shared.model_id
        and levels.method_code = shared.method_code
        and levels.shared_language_count <= shared.shared_language_count
    group by all
),

final as (
    select
        model_id,
        method_code,
        shared_language_count,
        language_count,
        fact_count as attributed_fact_count,
        own_fact_count as shared_fact_count,
        {{ wilson("own_fact_count", "fact_count", "shared_fact_rate") }},
        own_neuron_count / fact_count as shared_neuron_score,
        if(has_null, null_fact_count / fact_count, null) as null_fact_score,
        if(has_null, null_neuron_count / fact_count, null) as null_neuron_score,
    from counts
    order by model_id, method_code, shared_language_count
)

select * from final
