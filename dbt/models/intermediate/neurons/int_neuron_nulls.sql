{%- set kinds = ["relation", "object"] %}
{%- set jaccard -%}
    coalesce(shared.shared_count, 0)
        / (facts.neuron_count + stand_ins.neuron_count - coalesce(shared.shared_count, 0))
{%- endset %}

with
int_neuron_members as not materialized (select * from {{ ref('int_neuron_members') }}),
int_neuron_stand_ins as not materialized (select * from {{ ref('int_neuron_stand_ins') }}),

{%- for kind in kinds %}

-- Both directions: the fact in one language with its stand-in in the other one.
{{ kind }}_members as (
    select
        members.variant_number,
        members.language_number,
        members.neuron_number,
        stand_ins.{{ kind }}_fact_number as fact_number,
    from int_neuron_members as members
    inner join int_neuron_stand_ins as stand_ins using (variant_number, language_number, fact_number)
    where stand_ins.{{ kind }}_fact_number is not null
),

{{ kind }}_shared as (
    select
        facts.variant_number,
        facts.fact_number,
        facts.language_number as fact_language_number,
        stand_ins.language_number as stand_in_language_number,
        count(*) as shared_count,
    from int_neuron_members as facts
    inner join {{ kind }}_members as stand_ins
        on facts.variant_number = stand_ins.variant_number
        and facts.fact_number = stand_ins.fact_number
        and facts.neuron_number = stand_ins.neuron_number
        and facts.language_number != stand_ins.language_number
    group by all
),

{{ kind }}_nulls as (
    select
        '{{ kind }}' as null_code,
        facts.variant_number,
        facts.fact_number,
        least(facts.language_number, stand_ins.language_number) as number_a,
        greatest(facts.language_number, stand_ins.language_number) as number_b,
        -- A mean of two values does not depend on their order.
        avg({{ jaccard }}) as null_score,
        min_by({{ jaccard }}, facts.language_number) as null_single_score,
    from int_neuron_stand_ins as facts
    inner join int_neuron_stand_ins as stand_ins
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
    {%- for kind in kinds %}
    select * from {{ kind }}_nulls
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select * from final
