with
dim_corpora as (select * from {{ ref('dim_corpora') }}),
fct_active_neurons as (select * from {{ ref('fct_active_neurons') }}),
unscored_facts as (select * from {{ ref('unscored_facts') }}),
dim_models as (select * from {{ ref('dim_models') }}),

methods as (
    select
        model_id,
        {{ first_listed("method_code", "root_method_codes") }} as method_code,
    from (
        select distinct model_id, method_code from fct_active_neurons
        union
        select distinct model_id, method_code from unscored_facts
    )
    group by all
),

final as (
    select
        models.model_id,
        models.corpus_id,
        corpora.text_unit,
        methods.method_code,
    from dim_models as models
    left join dim_corpora as corpora using (corpus_id)
    left join methods using (model_id)
)

select * from final
