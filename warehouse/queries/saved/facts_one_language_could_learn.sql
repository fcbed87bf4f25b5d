-- What do other languages know that a language does not?
-- Facts that the dataset holds in the language and that the model gets wrong there: in how many other
-- languages it is right, and what it answers here instead.
-- columns: model_id, fact_id, relation_name, subject_label, object_label, predicted_text, gold_rank,
--   right_language_count, right_language_codes
-- rows: 0..*, one per model_id, fact_id
-- variables: language = af, or the study's first language
with chosen as (
    select
        case
            when getvariable('language') is null
            then coalesce(
                max(language_code) filter (language_code = 'af'),
                list(language_code order by language_code)[1]
            )
            when bool_or(language_code = getvariable('language')) then getvariable('language')
            else error(
                'no language ''' || getvariable('language') || ''' in this study; known: '
                || string_agg(language_code, ', ' order by language_code)
            )
        end as language_code,
    from dim_languages
),

wrong as (
    select model_id, language_code, fact_id, relation_id, predicted_text, gold_rank
    from fct_predictions
    inner join chosen using (language_code)
    where not is_full_match
)

select
    wrong.model_id,
    wrong.fact_id,
    any_value(relations.relation_name) as relation_name,
    any_value(labels.subject_label) as subject_label,
    any_value(labels.object_label) as object_label,
    any_value(wrong.predicted_text) as predicted_text,
    any_value(wrong.gold_rank) as gold_rank,
    count(*) as right_language_count,
    list(elsewhere.language_code order by elsewhere.language_code) as right_language_codes,
from wrong
inner join fct_predictions as elsewhere using (model_id, fact_id)
inner join dim_fact_labels as labels
    on labels.fact_id = wrong.fact_id
    and labels.language_code = wrong.language_code
inner join dim_relations as relations on relations.relation_id = wrong.relation_id
where elsewhere.is_full_match
group by wrong.model_id, wrong.fact_id
order by wrong.model_id, right_language_count desc, wrong.fact_id
