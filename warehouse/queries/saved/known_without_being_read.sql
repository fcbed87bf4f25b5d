-- Which facts does a model know in a language whose training text never states them, and which languages state them?
-- Rule out cues first: objects of type 'shared_tokens' and 'naming' can be guessed from the names.
-- columns: model_id, fact_id, relation_name, subject_label, object_label, fact_type_code,
--   present_language_count, present_language_codes, evidence_text
-- rows: 0..*, one per model_id, fact_id
-- variables: language = af; unit = chunk
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
where language_code = coalesce(getvariable('language'), 'af')
    and text_unit = coalesce(getvariable('unit'), 'chunk')
order by model_id, fact_type_code != 'others', present_language_count desc, fact_id
