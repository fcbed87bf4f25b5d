-- What does the training text say about a subject, in each language, and does the model know it?
-- Set subject to a part of its name in any language. The passage is the closest one that was found.
-- columns: model_id, corpus_id, fact_id, relation_name, language_code, subject_label, object_label,
--   shared_count, evidence_document, evidence_text, predicted_text, is_full_match
-- rows: 0..*, one per model_id, fact_id, language_code
-- variables: subject = Syria; unit = chunk
with wanted as (
    select distinct fact_id
    from dim_fact_labels
    where contains(lower(subject_label), lower(coalesce(getvariable('subject'), 'Syria')))
),

presence as (
    select * from fct_fact_presence
    semi join wanted using (fact_id)
    where text_unit = coalesce(getvariable('unit'), 'chunk')
)

select
    predictions.model_id,
    models.corpus_id,
    predictions.fact_id,
    relations.relation_name,
    predictions.language_code,
    labels.subject_label,
    labels.object_label,
    presence.shared_count,
    presence.evidence_document,
    presence.evidence_text,
    predictions.predicted_text,
    predictions.is_full_match,
from wanted
inner join fct_predictions as predictions using (fact_id)
inner join dim_fact_labels as labels using (language_code, fact_id)
inner join dim_relations as relations using (relation_id)
inner join dim_models as models using (model_id)
left join presence
    on presence.corpus_id = models.corpus_id
    and presence.language_code = predictions.language_code
    and presence.fact_id = predictions.fact_id
order by predictions.model_id, predictions.fact_id, predictions.language_code
