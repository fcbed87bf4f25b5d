-- Finished models only: a corpus' models are then its seeds.
with verdicts as (
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
    from {{ ref('fct_planted_predictions') }} as planted
    inner join {{ ref('dim_models') }} as models using (model_id)
    where models.step_index is null
),

places as (
    select distinct corpus_id, language_code, relation_id, fact_id, presence_code, link_code
    from verdicts
),

-- What is compared: in a corpus, facts planted elsewhere against other facts planted nowhere;
-- between two corpora, the same facts, planted elsewhere in the one and nowhere in the other.
arms as (
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
),

-- Masked and causal models differ in more than what they read: neither is the other's seed or twin.
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
    from arms
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

-- A model's own effect needs its own treated answers, beside all answers of the control corpus.
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
    inner join {{ ref('dim_models') }} as models
        on stratified.corpus_id = models.corpus_id
        and stratified.objective = models.objective
        and models.step_index is null
        and (
            stratified.model_id = models.model_id
            or (not stratified.is_treated and stratified.corpus_id != stratified.control_corpus_id)
        )
),

per_fact_and_model as (
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
),

totals as (
    select
        objective,
        corpus_id,
        control_corpus_id,
        scope_kind,
        scope_code,
        stratum_code,
        count(distinct model_id) filter (where treated_count > 0) as model_count,
        count(distinct model_id) filter (where control_count > 0) as control_model_count,
        count(distinct fact_id) filter (where treated_count > 0) as fact_count,
        count(distinct fact_id) filter (where control_count > 0) as control_fact_count,
        sum(treated_count)::bigint as treated_count,
        sum(treated_match_count)::bigint as treated_match_count,
        sum(guess_count)::bigint as guess_count,
        sum(control_count)::bigint as control_count,
        sum(control_match_count)::bigint as control_match_count,
    from per_fact_and_model
    group by all
),

-- Variance of a difference of means by clusters (Liang & Zeger 1986): each cluster's pull on the
-- difference, squared and added up; once with facts as clusters, once with models (seeds).
{%- set pull %}
        (sum(cells.treated_match_count) - sum(cells.treated_count) * any_value(totals.treated_match_count / totals.treated_count::double))
            / any_value(totals.treated_count)
        - (sum(cells.control_match_count) - sum(cells.control_count) * any_value(totals.control_match_count / totals.control_count::double))
            / any_value(totals.control_count) as pull,
{%- endset %}
{%- set group_keys = "objective, corpus_id, control_corpus_id, scope_kind, scope_code, stratum_code" %}

comparable as (
    select * from totals
    where treated_count > 0 and control_count > 0
),

fact_pulls as (
    select
        {{ group_keys }},
        cells.fact_id,
        {{- pull }}
    from per_fact_and_model as cells
    inner join comparable as totals using ({{ group_keys }})
    group by all
),

seed_pulls as (
    select
        {{ group_keys }},
        cells.model_corpus_id,
        cells.model_id,
        {{- pull }}
    from per_fact_and_model as cells
    inner join comparable as totals using ({{ group_keys }})
    group by all
),

fact_variances as (
    select
        {{ group_keys }},
        sum(pull * pull order by pull) as variance,
    from fact_pulls
    group by all
),

seed_variances_by_corpus as (
    select
        {{ group_keys }},
        model_corpus_id,
        sum(pull * pull order by pull) * count(*) / greatest(count(*) - 1, 1) as variance,
    from seed_pulls
    group by all
),

seed_variances as (
    select
        {{ group_keys }},
        sum(variance order by variance) as variance,
    from seed_variances_by_corpus
    group by all
),

effects as (
    select
        totals.*,
        totals.treated_match_count / totals.treated_count::double
            - totals.control_match_count / totals.control_count::double as effect_score,
        sqrt(fact_variances.variance + seed_variances.variance) as effect_error,
    from totals
    left join fact_variances using ({{ group_keys }})
    left join seed_variances using ({{ group_keys }})
    where totals.treated_count > 0
),

final as (
    select
        objective,
        corpus_id,
        control_corpus_id,
        scope_kind,
        scope_code,
        stratum_code,
        if(corpus_id = control_corpus_id, 'same_corpus', 'twin_corpus') as contrast_code,
        model_count,
        control_model_count,
        fact_count,
        control_fact_count,
        treated_count,
        treated_match_count,
        {{ wilson('treated_match_count', 'treated_count', 'treated_match_rate') }},
        control_count,
        control_match_count,
        {{ wilson('control_match_count', 'control_count', 'control_match_rate') }},
        if(control_count > 0, effect_score, null) as effect_score,
        greatest(-1, effect_score - {{ var('interval_z') }} * effect_error) as effect_score_low,
        least(1, effect_score + {{ var('interval_z') }} * effect_error) as effect_score_high,
        if(corpus_id = control_corpus_id, null, guess_count) as guess_count,
    from effects
    order by {{ group_keys }}
)

select * from final
