-- Which facts does the training text state most often that the model still gets wrong?
-- columns: model_id, language_code, fact_id, relation_name, subject_label, object_label,
--   predicted_text, gold_rank, shared_count, evidence_text
-- rows: 0..100, one per model_id, language_code, fact_id
-- variables: unit = chunk
with missed as (
    select
        predictions.model_id,
        predictions.language_code,
        predictions.fact_id,
        predictions.relation_id,
        predictions.predicted_text,
        predictions.gold_rank,
        presence.shared_count,
        presence.evidence_text,
    from fct_predictions as predictions
    inner join dim_models as models using (model_id)
    inner join fct_fact_presence as presence
        on presence.corpus_id = models.corpus_id
        and presence.language_code = predictions.language_code
        and presence.fact_id = predictions.fact_id
    where presence.text_unit = coalesce(getvariable('unit'), 'chunk')
        and presence.is_present
        and not predictions.is_full_match
    order by presence.shared_count desc, predictions.model_id, predictions.language_code, fact_id
    limit 100
)

select
    missed.model_id,
    missed.language_code,
    missed.fact_id,
    relations.relation_name,
    labels.subject_label,
    labels.object_label,
    missed.predicted_text,
    missed.gold_rank,
    missed.shared_count,
    missed.evidence_text,
from missed
inner join dim_fact_labels as labels using (language_code, fact_id)
inner join dim_relations as relations using (relation_id)
order by missed.shared_count desc, missed.model_id, missed.language_code, missed.fact_id
