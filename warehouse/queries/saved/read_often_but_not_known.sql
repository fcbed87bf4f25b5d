-- Which facts does the training text state most often that the model still gets wrong?
-- columns: model_id, language_code, fact_id, relation_name, subject_label, object_label,
--   predicted_text, gold_rank, shared_count, evidence_text
-- rows: 0..100, one per model_id, language_code, fact_id
-- variables: unit = chunk
with asked as (
    select
        models.model_id,
        models.corpus_id,
        languages.language_code,
    from dim_models as models
    inner join p_at_1_by_language as languages using (model_id)
),

missed as (
    select
        asked.model_id,
        presence.language_code,
        presence.fact_id,
        presence.relation_id,
        presence.shared_count,
        presence.evidence_text,
    from fct_fact_presence as presence
    inner join asked using (corpus_id, language_code)
    anti join (from fct_predictions where is_full_match) as known using (model_id, language_code, fact_id)
    where presence.text_unit = coalesce(getvariable('unit'), 'chunk')
        and presence.is_present
    order by presence.shared_count desc, asked.model_id, presence.language_code, presence.fact_id
    limit 100
)

select
    missed.model_id,
    missed.language_code,
    missed.fact_id,
    relations.relation_name,
    labels.subject_label,
    labels.object_label,
    predictions.predicted_text,
    predictions.gold_rank,
    missed.shared_count,
    missed.evidence_text,
from missed
inner join fct_predictions as predictions using (model_id, language_code, fact_id)
inner join dim_fact_labels as labels using (language_code, fact_id)
inner join dim_relations as relations on missed.relation_id = relations.relation_id
order by missed.shared_count desc, missed.model_id, missed.language_code, missed.fact_id
