with text_units as (
    select
        corpus_id,
        {{ first_listed("text_unit", "root_text_units") }} as text_unit,
    from (select distinct corpus_id, text_unit from {{ ref('fct_fact_presence') }})
    group by all
),

methods as (
    select
        model_id,
        {{ first_listed("method_code", "root_method_codes") }} as method_code,
    from (
        select distinct model_id, method_code from {{ ref('fct_active_neurons') }}
        union
        select distinct model_id, method_code from {{ ref('unscored_facts') }}
    )
    group by all
),

final as (
    select
        models.model_id,
        models.corpus_id,
        text_units.text_unit,
        methods.method_code,
    from {{ ref('dim_models') }} as models
    left join text_units using (corpus_id)
    left join methods using (model_id)
)

select * from final
