{{ config(materialized='table') }}

with
fct_active_neurons as (select * from {{ ref('fct_active_neurons') }}),
int_neuron_variants as (select * from {{ ref('int_neuron_variants') }}),
dim_languages as (select * from {{ ref('dim_languages') }}),
dim_facts as (select * from {{ ref('dim_facts') }}),

language_numbers as (
    {{ numbered("dim_languages", "language_code", "language_number", "smallint") }}
),

fact_numbers as (
    {{ numbered("dim_facts", "fact_id", "fact_number") }}
),

final as (
    select
        variants.variant_number,
        language_numbers.language_number,
        fact_numbers.fact_number,
        (neurons.layer_index * 1048576 + neurons.neuron_index)::integer as neuron_number,
    from fct_active_neurons as neurons
    inner join int_neuron_variants as variants using (model_id, method_code)
    inner join language_numbers using (language_code)
    inner join fact_numbers using (fact_id)
)

select * from final
