-- Every model of the study answers every fact of every language, and no answer is about a fact that
-- is not there. A language without any fact counts as missing.
with missing as (
    select
        'a fact has no prediction' as problem,
        model_id,
        language_code,
        fact_id,
    from {{ ref('fct_predictions') }}
    where is_full_match is null
),

strangers as (
    select
        'a prediction has no fact' as problem,
        predictions.model_id,
        predictions.language_code,
        predictions.fact_id,
    from {{ ref('stg_lake__predictions') }} as predictions
    semi join {{ ref('dim_models') }} as models using (model_id)
    semi join {{ ref('dim_languages') }} as languages using (language_code)
    anti join {{ ref('dim_fact_labels') }} as labels using (language_code, fact_id)
),

empty_languages as (
    select
        'a language has no facts' as problem,
        null as model_id,
        language_code,
        null as fact_id,
    from {{ ref('dim_languages') }}
    where fact_count = 0
),

final as (
    select * from missing
    union all
    select * from strangers
    union all
    select * from empty_languages
)

select * from final
