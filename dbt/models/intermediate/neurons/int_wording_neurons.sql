{{ config(materialized='table') }}

{%- set keys = "model_id, method_code, language_code, template_id" %}

with
stg_lake__wording_neurons as (select * from {{ ref('stg_lake__wording_neurons') }}),
stg_lake__models as (select * from {{ ref('stg_lake__models') }}),
int_language_facts as not materialized (select * from {{ ref('int_language_facts') }}),

sets as (
    select
        {{ keys }},
        fact_id,
        list(layer_index::bigint * 1048576 + neuron_index order by neuron_rank) as neurons,
    from stg_lake__wording_neurons
    semi join stg_lake__models using (model_id)
    group by all
),

drawn as (
    select
        sets.*,
        language_facts.relation_id,
        language_facts.object_id,
        {{ draw('sets.fact_id') }} as draw,
    from sets
    inner join int_language_facts as language_facts using (language_code, fact_id)
),

-- The facts of a relation that are right in a wording stand in a ring, in an order drawn once; so do
-- those of one object. The stand-in of a fact is the next one; a ring of one fact has none.
final as (
    select
        {{ keys }},
        fact_id,
        relation_id,
        object_id,
        neurons,
        {%- for kind in ["relation", "object"] %}
        case
            when count(*) over {{ kind }}_whole > 1
            then coalesce(lag(neurons) over {{ kind }}_ring, last(neurons) over {{ kind }}_whole)
        end as {{ kind }}_neurons,
        {%- endfor %}
    from drawn
    window
        {%- for kind, group in [("relation", "relation_id"), ("object", "relation_id, object_id")] %}
        {{ kind }}_ring as (partition by {{ keys }}, {{ group }} order by draw, fact_id),
        {{ kind }}_whole as (
            partition by {{ keys }}, {{ group }}
            order by draw, fact_id
            rows between unbounded preceding and unbounded following
        ){{ "," if not loop.last }}
        {%- endfor %}
)

select * from final
