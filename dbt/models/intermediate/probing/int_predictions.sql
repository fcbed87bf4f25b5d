{{ config(materialized='table') }}

with
stg_lake__predictions as (select * from {{ ref('stg_lake__predictions') }}),
stg_lake__models as (select * from {{ ref('stg_lake__models') }}),
stg_lake__object_aliases as (select * from {{ ref('stg_lake__object_aliases') }}),
int_language_facts as not materialized (select * from {{ ref('int_language_facts') }}),

queries as (
    select
        predictions.model_id,
        predictions.language_code,
        predictions.fact_id,
        language_facts.relation_id,
        language_facts.subject_id,
        language_facts.object_label,
        predictions.mask_count,
        predictions.prompt_code,
        predictions.gold_token_ids,
        list_filter(
            predictions.predicted_token_ids,
            lambda token_id: token_id is distinct from models.ignored_token_id
        ) as answer_token_ids,
        predictions.predicted_text,
        predictions.gold_log_prob,
        predictions.gold_rank,
        models.objective = 'causal' as is_continued,
    from stg_lake__predictions as predictions
    inner join stg_lake__models as models using (model_id)
    inner join int_language_facts as language_facts using (language_code, fact_id)
),

-- A model has aliases if any of its objects has one; without, nothing is said about them.
aliased_models as (select distinct model_id from stg_lake__object_aliases),

aliases as (
    select
        model_id,
        language_code,
        fact_id,
        list(alias_token_ids) filter (where len(alias_token_ids) > 0) as alias_lists,
    from stg_lake__object_aliases
    group by all
),

-- Only a subject with several objects can be right with another object than the fact's own.
subjects_with_rivals as (
    {{ subjects_with_rivals("int_language_facts") }}
),

rival_objects as (
    select
        queries.model_id,
        queries.language_code,
        queries.relation_id,
        queries.subject_id,
        list(distinct queries.gold_token_ids) as true_objects,
        list(distinct queries.object_label) as true_labels,
    from queries
    semi join subjects_with_rivals using (language_code, relation_id, subject_id)
    group by all
),

-- An empty answer would match a label without tokens. This is not counted as a match. An imported answer
-- without tokens is compared by its text.
own_verdicts as (
    select
        *,
        answer_token_ids is null or gold_token_ids is null as is_text,
        if(
            answer_token_ids is null or gold_token_ids is null,
            predicted_text = object_label,
            len(gold_token_ids) > 0 and answer_token_ids = gold_token_ids
        ) as is_full_match,
        case
            when prompt_code = 'unasked' and answer_token_ids is not null then false
            else len(gold_token_ids) > 0 and list_has_all(answer_token_ids, gold_token_ids)
        end as is_partial_match,
    from queries
),

final as (
    select
        own_verdicts.model_id,
        own_verdicts.language_code,
        own_verdicts.fact_id,
        own_verdicts.relation_id,
        own_verdicts.subject_id,
        own_verdicts.mask_count,
        own_verdicts.prompt_code,
        own_verdicts.gold_token_ids,
        own_verdicts.predicted_text,
        own_verdicts.gold_log_prob,
        own_verdicts.gold_rank,
        own_verdicts.is_full_match,
        own_verdicts.is_partial_match,
        own_verdicts.is_full_match
            or coalesce(
                if(
                    own_verdicts.is_text,
                    list_contains(rival_objects.true_labels, own_verdicts.predicted_text),
                    len(own_verdicts.answer_token_ids) > 0
                    and list_contains(rival_objects.true_objects, own_verdicts.answer_token_ids)
                ),
                false
            ) as is_any_object_match,
        -- A causal model writes on, so a shorter name can begin its answer.
        case
            when aliased_models.model_id is not null
            then own_verdicts.is_full_match
                or coalesce(
                    list_bool_or(list_transform(
                        aliases.alias_lists,
                        lambda name: name = if(
                            own_verdicts.is_continued,
                            own_verdicts.answer_token_ids[1:len(name)],
                            own_verdicts.answer_token_ids
                        )
                    )),
                    false
                )
        end as is_alias_match,
    from own_verdicts
    left join rival_objects using (model_id, language_code, relation_id, subject_id)
    left join aliased_models using (model_id)
    left join aliases using (model_id, language_code, fact_id)
)

select * from final
