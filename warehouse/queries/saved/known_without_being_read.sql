-- Which facts does a model know in a language whose training text never states them, and which languages state them?
-- Rule out cues first: objects of type 'shared_tokens' and 'naming' can be guessed from the names.
-- columns: model_id, fact_id, relation_name, subject_label, object_label, fact_type_code,
--   present_language_count, present_language_codes, evidence_text
-- rows: 0..*, one per model_id, fact_id
-- variables: language = af, or the study's first language; unit = chunk
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
)

select
    model_id,
    fact_id,
    relation_name,
    subject_label,
    object_label,
    fact_type_code,
    present_language_count,
    present_language_codes,
    evidence_text,
from absent_predictable_facts
inner join chosen using (language_code)
where text_unit = coalesce(getvariable('unit'), 'chunk')
order by model_id, fact_type_code != 'others', present_language_count desc, fact_id
