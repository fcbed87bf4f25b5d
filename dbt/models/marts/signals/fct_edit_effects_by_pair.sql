with
stg_lake__interventions as (select * from {{ ref('stg_lake__interventions') }}),
dim_models as (select * from {{ ref('dim_models') }}),
dim_languages as (select * from {{ ref('dim_languages') }}),

edits as (
    select
        model_id,
        language_code,
        neuron_language_code,
        fact_id,
        edit_factor,
        is_random,
        neuron_count,
        log_prob_before,
        log_prob_after - log_prob_before as delta_score,
    from stg_lake__interventions
    semi join dim_models using (model_id)
    semi join dim_languages using (language_code)
    where edit_set_code in ('own', 'other') and query_code = 'related'
),

-- Both are there: the checks of the lake refuse an edit without its random control.
final as (
    select
        edits.model_id,
        edits.language_code,
        edits.neuron_language_code,
        edits.fact_id,
        edits.edit_factor,
        edits.neuron_count,
        edits.log_prob_before as object_log_prob,
        edits.delta_score,
        randoms.delta_score as random_delta_score,
        edits.delta_score - randoms.delta_score as over_random_score,
    from edits
    inner join edits as randoms
        on edits.model_id = randoms.model_id
        and edits.language_code = randoms.language_code
        and edits.neuron_language_code = randoms.neuron_language_code
        and edits.fact_id = randoms.fact_id
        and edits.edit_factor = randoms.edit_factor
        and randoms.is_random
    where not edits.is_random
    order by
        edits.model_id,
        edits.language_code,
        edits.neuron_language_code,
        edits.fact_id,
        edits.edit_factor
)

select * from final
