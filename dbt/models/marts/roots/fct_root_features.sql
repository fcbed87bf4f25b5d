-- What is known of a right answer before its root is decided: from answers and text alone, and from
-- subject swaps where a study has them.
with
fct_predictions as not materialized (select * from {{ ref('fct_predictions') }}),
fct_subject_dependence as (select * from {{ ref('fct_subject_dependence') }}),
fct_fact_presence as not materialized (select * from {{ ref('fct_fact_presence') }}),
int_root_scopes as not materialized (select * from {{ ref('int_root_scopes') }}),

languages_of_fact as (
    select
        model_id,
        fact_id,
        count(*) - 1 as other_language_count,
        count(*) filter (where is_right) - 1 as other_full_match_count,
    from fct_predictions
    group by all
),

object_facts as (
    select
        model_id,
        language_code,
        relation_id,
        object_id,
        count(*) as object_fact_count,
    from fct_predictions
    group by all
),

stating_languages as (
    select
        corpus_id,
        text_unit,
        fact_id,
        count(*) filter (where is_present) as stating_language_count,
    from fct_fact_presence
    group by all
),

-- The text units of the roots, per model: where does its text state a fact?
presence as (
    select
        scopes.model_id,
        presence.language_code,
        presence.fact_id,
        presence.is_present,
        stating_languages.stating_language_count - presence.is_present::integer as other_stating_language_count,
    from fct_fact_presence as presence
    inner join stating_languages using (corpus_id, text_unit, fact_id)
    inner join int_root_scopes as scopes
        on presence.corpus_id = scopes.corpus_id
        and presence.text_unit = scopes.text_unit
),

final as (
    select
        dependence.model_id,
        dependence.language_code,
        dependence.fact_id,
        dependence.relation_id,
        case
            when presence.is_present is null then 'unknown'
            when presence.is_present then 'stated'
            else 'unstated'
        end as statement_code,
        presence.other_stating_language_count,
        if(dependence.masked_log_prob is null, 'answers', 'swaps') as feature_set_code,
        object_facts.object_fact_count,
        ln(least(object_facts.object_fact_count, {{ var("rule_largest_object_fact_count") }})) as object_frequency_score,
        languages_of_fact.other_language_count,
        languages_of_fact.other_full_match_count,
        languages_of_fact.other_full_match_count / nullif(languages_of_fact.other_language_count, 0)
            as other_full_match_score,
        dependence.same_answer_rate as same_answer_score,
        {%- for name in ["object", "masked", "other_subject"] %}
        case
            when dependence.{{ name }}_log_prob is not null
            then percent_rank() over (
                partition by dependence.model_id, dependence.{{ name }}_log_prob is null
                order by dependence.{{ name }}_log_prob
            )
        end as {{ name }}_log_prob_rank,
        {%- endfor %}
    from fct_subject_dependence as dependence
    inner join languages_of_fact using (model_id, fact_id)
    inner join object_facts using (model_id, language_code, relation_id, object_id)
    left join presence
        on dependence.model_id = presence.model_id
        and dependence.language_code = presence.language_code
        and dependence.fact_id = presence.fact_id
    order by dependence.model_id, dependence.language_code, dependence.fact_id
)

select * from final
