{{ config(materialized='table') }}

with
int_neuron_members as (select * from {{ ref('int_neuron_members') }}),
dim_facts as (select * from {{ ref('dim_facts') }}),

sizes as (
    select
        variant_number,
        language_number,
        fact_number,
        count(*)::integer as neuron_count,
    from int_neuron_members
    group by all
),

fact_numbers as (
    {{ numbered("dim_facts", "fact_id", "fact_number") }}
),

drawn_facts as (
    select
        fact_number,
        relation_id,
        object_id,
        {{ draw('fact_id') }} as draw,
    from fact_numbers
),

-- Within a language the facts of a relation stand in a ring, in an order drawn once. So do those of
-- one object. The stand-in is the next fact of the ring; a ring of one fact has none.
final as (
    select
        sizes.variant_number,
        sizes.language_number,
        sizes.fact_number,
        sizes.neuron_count,
        {%- for kind in ["relation", "object"] %}
        nullif(
            coalesce(
                lag(sizes.fact_number) over {{ kind }}_ring,
                last(sizes.fact_number) over whole_{{ kind }}_ring
            ),
            sizes.fact_number
        ) as {{ kind }}_fact_number,
        {%- endfor %}
    from sizes
    inner join drawn_facts using (fact_number)
    window
        {%- for kind, keys in [("relation", "relation_id"), ("object", "relation_id, object_id")] %}
        {{ kind }}_ring as (
            partition by variant_number, language_number, {{ keys }}
            order by draw, fact_number
        ),
        whole_{{ kind }}_ring as (
            partition by variant_number, language_number, {{ keys }}
            order by draw, fact_number
            rows between unbounded preceding and unbounded following
        ){{ "," if not loop.last }}
        {%- endfor %}
)

select * from final
