{{ config(materialized='table') }}

with
fct_planted_predictions as (select * from {{ ref('fct_planted_predictions') }}),
dim_models as not materialized (select * from {{ ref('dim_models') }}),
int_transfer_arms as (select * from {{ ref('int_transfer_arms') }}),

-- Finished models only, so that the models of a corpus are its seeds.
verdicts as (
    select
        planted.model_id,
        models.objective,
        planted.corpus_id,
        planted.language_code,
        planted.relation_id,
        planted.fact_id,
        planted.presence_code,
        planted.link_code,
        coalesce(planted.is_full_match, false) as is_full_match,
        coalesce(planted.is_guess, false) as is_guess,
    from fct_planted_predictions as planted
    inner join dim_models as models using (model_id)
    where models.step_index is null
),

-- Masked and causal models differ in more than their text, so they are never compared.
objectives as (
    select distinct corpus_id, objective
    from verdicts
),

observations as (
    select
        treated_models.objective,
        arms.corpus_id,
        arms.control_corpus_id,
        arms.link_code,
        arms.is_treated,
        verdicts.model_id,
        verdicts.corpus_id as model_corpus_id,
        verdicts.language_code,
        verdicts.relation_id,
        verdicts.fact_id,
        verdicts.is_full_match,
        verdicts.is_guess,
    from int_transfer_arms as arms
    inner join objectives as treated_models using (corpus_id)
    inner join objectives as control_models
        on arms.control_corpus_id = control_models.corpus_id
        and treated_models.objective = control_models.objective
    inner join verdicts
        on treated_models.objective = verdicts.objective
        and verdicts.corpus_id = case when arms.is_treated then arms.corpus_id else arms.control_corpus_id end
        and arms.language_code = verdicts.language_code
        and arms.fact_id = verdicts.fact_id
),

-- A fact planted nowhere has no link, so it is the control of every stratum.
stratified as (
    select
        observations.* exclude (link_code),
        strata.stratum_code,
    from observations
    inner join (values ('all'), ('identical_string'), ('same_script'), ('other_script')) as strata (stratum_code)
        on strata.stratum_code in ('all', observations.link_code)
        or (not observations.is_treated and observations.link_code = 'none')
),

-- The effect of one model compares its own treated answers with all answers of the control corpus.
scoped as (
    select 'all' as scope_kind, 'all' as scope_code, *
    from stratified
    union all
    select 'language', language_code, *
    from stratified
    union all
    select 'relation', relation_id, *
    from stratified
    union all
    select 'model', models.model_id, stratified.*
    from stratified
    inner join dim_models as models
        on stratified.corpus_id = models.corpus_id
        and stratified.objective = models.objective
        and models.step_index is null
        and (
            stratified.model_id = models.model_id
            or (not stratified.is_treated and stratified.corpus_id != stratified.control_corpus_id)
        )
),

final as (
    select
        objective,
        corpus_id,
        control_corpus_id,
        scope_kind,
        scope_code,
        stratum_code,
        fact_id,
        model_id,
        model_corpus_id,
        count(*) filter (where is_treated) as treated_count,
        count(*) filter (where is_treated and is_full_match) as treated_match_count,
        count(*) filter (where is_treated and is_guess) as guess_count,
        count(*) filter (where not is_treated) as control_count,
        count(*) filter (where not is_treated and is_full_match) as control_match_count,
    from scoped
    group by all
)

select * from final
