with
fct_planted_predictions as (select * from {{ ref('fct_planted_predictions') }}),
dim_models as (select * from {{ ref('dim_models') }}),

-- Finished models only, so that the models of a corpus are its seeds.
places as (
    select distinct
        planted.corpus_id,
        planted.language_code,
        planted.fact_id,
        planted.presence_code,
        planted.link_code,
    from fct_planted_predictions as planted
    semi join (from dim_models where step_index is null) as models using (model_id)
),

-- Within a corpus: facts planted elsewhere, compared with other facts planted nowhere. Between two
-- corpora: the same facts, planted elsewhere in the one and nowhere in the other.
final as (
    select
        corpus_id,
        corpus_id as control_corpus_id,
        language_code,
        fact_id,
        link_code,
        presence_code = 'elsewhere' as is_treated,
    from places
    where presence_code in ('elsewhere', 'nowhere')
    union all
    select
        treated.corpus_id,
        control.corpus_id as control_corpus_id,
        treated.language_code,
        treated.fact_id,
        treated.link_code,
        arm.is_treated,
    from places as treated
    inner join places as control
        on treated.language_code = control.language_code
        and treated.fact_id = control.fact_id
        and treated.corpus_id != control.corpus_id
    cross join (values (true), (false)) as arm (is_treated)
    where treated.presence_code = 'elsewhere' and control.presence_code = 'nowhere'
)

select * from final
