with unit_kinds as (
    select
        corpus_id,
        {{ first_listed("unit_kind", "root_unit_kinds") }} as unit_kind,
    from (select distinct corpus_id, unit_kind from {{ ref('fct_fact_presence') }})
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
        unit_kinds.unit_kind,
        methods.method_code,
    from {{ ref('dim_models') }} as models
    left join unit_kinds using (corpus_id)
    left join methods using (model_id)
)

select * from final
