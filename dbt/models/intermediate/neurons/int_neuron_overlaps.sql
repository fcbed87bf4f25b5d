{{ config(materialized='table') }}

with
int_neuron_variants as (select * from {{ ref('int_neuron_variants') }}),
int_neuron_members as not materialized (select * from {{ ref('int_neuron_members') }}),
int_neuron_stand_ins as not materialized (select * from {{ ref('int_neuron_stand_ins') }}),
int_neuron_nulls as not materialized (select * from {{ ref('int_neuron_nulls') }}),
dim_languages as (select * from {{ ref('dim_languages') }}),
dim_facts as (select * from {{ ref('dim_facts') }}),

language_numbers as (
    {{ numbered("dim_languages", "language_code", "language_number", "smallint") }}
),

fact_numbers as (
    {{ numbered("dim_facts", "fact_id", "fact_number") }}
),

pairs as (
    select
        a.variant_number,
        a.fact_number,
        a.language_number as number_a,
        b.language_number as number_b,
        a.neuron_count + b.neuron_count as neuron_count,
    from int_neuron_stand_ins as a
    inner join int_neuron_stand_ins as b
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
    from int_neuron_members as a
    inner join int_neuron_members as b
        on a.variant_number = b.variant_number
        and a.fact_number = b.fact_number
        and a.neuron_number = b.neuron_number
        and a.language_number < b.language_number
    group by all
),

final as (
    select
        variants.model_id,
        variants.method_code,
        fact_numbers.fact_id,
        a.language_code as language_a,
        b.language_code as language_b,
        fact_numbers.relation_id,
        fact_numbers.object_id,
        pairs.neuron_count,
        coalesce(shared.shared_count, 0) as shared_count,
        coalesce(shared.shared_count, 0)
            / (pairs.neuron_count - coalesce(shared.shared_count, 0)) as jaccard_score,
        {%- for kind in ["relation", "object"] %}
        {{ kind }}_nulls.null_score as {{ kind }}_null_score,
        {{ kind }}_nulls.null_single_score as {{ kind }}_null_single_score,
        {%- endfor %}
    from pairs
    inner join int_neuron_variants as variants using (variant_number)
    inner join fact_numbers using (fact_number)
    inner join language_numbers as a on pairs.number_a = a.language_number
    inner join language_numbers as b on pairs.number_b = b.language_number
    left join shared using (variant_number, fact_number, number_a, number_b)
    {%- for kind in ["relation", "object"] %}
    left join int_neuron_nulls as {{ kind }}_nulls
        on pairs.variant_number = {{ kind }}_nulls.variant_number
        and pairs.fact_number = {{ kind }}_nulls.fact_number
        and pairs.number_a = {{ kind }}_nulls.number_a
        and pairs.number_b = {{ kind }}_nulls.number_b
        and {{ kind }}_nulls.null_code = '{{ kind }}'
    {%- endfor %}
)

select * from final
