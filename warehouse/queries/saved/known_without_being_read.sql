-- Which facts does a model know in a language whose training text never states them, and where do they come from?
-- Rule out cues first: objects of type 'shared_tokens' and 'naming' can be guessed from the names. The root
-- and the languages that it probably comes from, most probable first, are those of the calibrated rule.
-- columns: model_id, fact_id, relation_name, subject_label, object_label, fact_type_code, root_code,
--   root_probability, source_language_codes, source_probabilities, present_language_count,
--   present_language_codes, evidence_text
-- rows: 0..*, one per model_id, fact_id
-- variables: language = the study's first language; model = all of them; unit = chunk
with chosen as (
    select
        case
            when getvariable('language') is null then min(language_code)
            when bool_or(language_code = getvariable('language')) then getvariable('language')
            else error(
                'no language ''' || getvariable('language') || ''' in this study; known: '
                || string_agg(language_code, ', ' order by language_code)
            )
        end as language_code,
    from dim_languages
),

models as (
    select list(model_id order by model_id) as model_ids from dim_models
),

asked as (
    select
        unnest(
            case
                when getvariable('model') is null then model_ids
                when list_contains(model_ids, getvariable('model')) then [getvariable('model')]
                else error(
                    'no model ''' || getvariable('model') || ''' in this study; known: '
                    || array_to_string(model_ids, ', ')
                )
            end
        ) as model_id,
    from models
),

roots as (
    select
        model_id,
        language_code,
        fact_id,
        root_code,
        root_probability,
        source_language_codes[:3] as source_language_codes,
        source_probabilities[:3] as source_probabilities,
    from fct_fact_roots
    where rule_code = 'calibrated'
)

select
    model_id,
    fact_id,
    relation_name,
    subject_label,
    object_label,
    fact_type_code,
    roots.root_code,
    roots.root_probability,
    roots.source_language_codes,
    roots.source_probabilities,
    present_language_count,
    present_language_codes,
    evidence_text,
from absent_predictable_facts
inner join chosen using (language_code)
inner join asked using (model_id)
left join roots using (model_id, language_code, fact_id)
where text_unit = coalesce(getvariable('unit'), 'chunk')
order by model_id, fact_type_code != 'others', present_language_count desc, fact_id
