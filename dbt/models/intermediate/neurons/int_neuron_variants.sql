with
fct_active_neurons as (select * from {{ ref('fct_active_neurons') }}),

variants as (
    select distinct
        model_id,
        method_code,
    from fct_active_neurons
),

final as (
    {{ numbered("variants", "(model_id, method_code)", "variant_number", "smallint") }}
)

select * from final
