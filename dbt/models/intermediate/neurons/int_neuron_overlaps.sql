{{ config(materialized='table') }}

{%- set jaccard -%}
    coalesce(shared.shared_count, 0)
        / (facts.neuron_count + stand_ins.neuron_count - coalesce(shared.shared_count, 0))
{%- endset %}

-- Small integers: the joins below meet every neuron of every fact in every pair of languages.
with variants as (
    select
        model_id,
        method_code,
        row_number() over (order by model_id, method_code)::smallint as variant_number,
    from (select distinct model_id, method_code from {{ ref('fct_active_neurons') }})
),

language_numbers as (
    {{ numbered_languages() }}
),

fact_numbers as (
    {{ numbered_facts() }}
),

members as (
    select
        variants.variant_number,
        language_numbers.language_number,
        fact_numbers.fact_number,
        (neurons.layer_index * 1048576 + neurons.neuron_index)::integer as neuron_number,
    from {{ ref('fct_active_neurons') }} as neurons
    inner join variants using (model_id, method_code)
    inner join language_numbers using (language_code)
    inner join fact_numbers using (fact_id)
),

sizes as (
    select
        variant_number,
        language_number,
        fact_number,
        count(*)::integer as neuron_count,
    from members
    group by all
),

drawn_facts as (
    select
        *,
        {{ draw('fact_id') }} as draw,
    from fact_numbers
),

-- Within a language the facts of a relation stand in a ring, in an order drawn once; so do those of
-- one object. A fact's stand-in is its next neighbour: another fact, right in the same language.
stand_ins as (
    select
        sizes.variant_number,
        sizes.language_number,
        sizes.neuron_count,
        sizes.fact_number,
        {%- for kind, ring in [("relation", "relation_ring"), ("object", "object_ring")] %}
        nullif(
            coalesce(lag(sizes.fact_number) over {{ ring }}, last(sizes.fact_number) over whole_{{ ring }}),
            sizes.fact_number
        ) as {{ kind }}_fact_number,
        {%- endfor %}
    from sizes
    inner join drawn_facts using (fact_number)
    window
        {%- for ring, keys in [("relation_ring", "relation_id"), ("object_ring", "relation_id, object_id")] %}
        {{ ring }} as (
            partition by variant_number, language_number, {{ keys }}
            order by draw, fact_number
        ),
        whole_{{ ring }} as (
            partition by variant_number, language_number, {{ keys }}
            order by draw, fact_number
            rows between unbounded preceding and unbounded following
        ){{ "," if not loop.last }}
        {%- endfor %}
),

pairs as (
    select
        a.variant_number,
        a.fact_number,
        a.language_number as number_a,
        b.language_number as number_b,
        a.neuron_count + b.neuron_count as neuron_count,
    from sizes as a
    inner join sizes as b
        on a.variant_number = b.variant_number
        and a.fact_number = b.fact_number
        and a.language_number < b.language_number
),

shared as (
    select
        a.variant_number,
        a.fact_number,
        a.language_number as number_a,
        b.language_number as number_b,
        count(*) as shared_count,
    from members as a
    inner join members as b
        on a.variant_number = b.variant_number
        and a.fact_number = b.fact_number
        and a.neuron_number = b.neuron_number
        and a.language_number < b.language_number
    group by all
),
{%- for kind in ["relation", "object"] %}

-- Both ways: the fact in one language beside its stand-in of the other one.
{{ kind }}_members as (
    select
        members.variant_number,
        members.language_number,
        members.neuron_number,
        stand_ins.{{ kind }}_fact_number as fact_number,
    from members
    inner join stand_ins using (variant_number, language_number, fact_number)
    where stand_ins.{{ kind }}_fact_number is not null
),

{{ kind }}_shared as (
    select
        facts.variant_number,
        facts.fact_number,
        facts.language_number as fact_language_number,
        stand_ins.language_number as stand_in_language_number,
        count(*) as shared_count,
    from members as facts
    inner join {{ kind }}_members as stand_ins
        on facts.variant_number = stand_ins.variant_number
        and facts.fact_number = stand_ins.fact_number
        and facts.neuron_number = stand_ins.neuron_number
        and facts.language_number != stand_ins.language_number
    group by all
),

{{ kind }}_nulls as (
    select
        facts.variant_number,
        facts.fact_number,
        least(facts.language_number, stand_ins.language_number) as number_a,
        greatest(facts.language_number, stand_ins.language_number) as number_b,
        -- Of two values, so that their order does not matter.
        avg({{ jaccard }}) as null_score,
        min_by({{ jaccard }}, facts.language_number) as null_single_score,
    from sizes as facts
    inner join stand_ins
        on facts.variant_number = stand_ins.variant_number
        and facts.fact_number = stand_ins.{{ kind }}_fact_number
        and facts.language_number != stand_ins.language_number
    left join {{ kind }}_shared as shared
        on facts.variant_number = shared.variant_number
        and facts.fact_number = shared.fact_number
        and facts.language_number = shared.fact_language_number
        and stand_ins.language_number = shared.stand_in_language_number
    group by all
),
{%- endfor %}

final as (
    select
        variants.model_id,
        variants.method_code,
        fact_numbers.fact_id,
        a.language_code as language_a,
        b.language_code as language_b,
        fact_numbers.relation_id,
        fact_numbers.object_id,
        coalesce(shared.shared_count, 0) as shared_count,
        coalesce(shared.shared_count, 0)
            / (pairs.neuron_count - coalesce(shared.shared_count, 0)) as jaccard_score,
        {%- for kind in ["relation", "object"] %}
        {{ kind }}_nulls.null_score as {{ kind }}_null_score,
        {{ kind }}_nulls.null_single_score as {{ kind }}_null_single_score,
        {%- endfor %}
    from pairs
    inner join variants using (variant_number)
    inner join fact_numbers using (fact_number)
    inner join language_numbers as a on pairs.number_a = a.language_number
    inner join language_numbers as b on pairs.number_b = b.language_number
    {%- for source in ["shared", "relation_nulls", "object_nulls"] %}
    left join {{ source }}
        on pairs.variant_number = {{ source }}.variant_number
        and pairs.fact_number = {{ source }}.fact_number
        and pairs.number_a = {{ source }}.number_a
        and pairs.number_b = {{ source }}.number_b
    {%- endfor %}
)

select * from final
