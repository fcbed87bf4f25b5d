with
fct_fact_presence as not materialized (select * from {{ ref('fct_fact_presence') }}),
int_traced_predictions as (select * from {{ ref('int_traced_predictions') }}),
dim_fact_labels as (select * from {{ ref('dim_fact_labels') }}),
dim_relations as (select * from {{ ref('dim_relations') }}),

presence as (
    select
        corpus_id,
        text_unit,
        fact_id,
        count(*) as present_language_count,
        list(language_code order by language_code) as present_language_codes,
        -- English, which most readers know, otherwise the language that states the fact most often.
        min_by(language_code, (language_code != 'en', -shared_count, language_code)) as evidence_language_code,
    from fct_fact_presence
    where is_present
    group by all
),

final as (
    select
        predictions.model_id,
        predictions.corpus_id,
        predictions.text_unit,
        predictions.language_code,
        predictions.fact_id,
        predictions.relation_id,
        relations.relation_name,
        labels.subject_label,
        labels.object_label,
        predictions.predicted_text,
        predictions.fact_type_code,
        predictions.fact_rule_code,
        coalesce(presence.present_language_count, 0) as present_language_count,
        coalesce(presence.present_language_codes, []) as present_language_codes,
        presence.evidence_language_code,
        evidence.evidence_document,
        evidence.evidence_text,
    from int_traced_predictions as predictions
    inner join dim_fact_labels as labels using (language_code, fact_id)
    inner join dim_relations as relations using (relation_id)
    left join presence
        on predictions.corpus_id = presence.corpus_id
        and predictions.text_unit = presence.text_unit
        and predictions.fact_id = presence.fact_id
    left join fct_fact_presence as evidence
        on presence.corpus_id = evidence.corpus_id
        and presence.text_unit = evidence.text_unit
        and presence.fact_id = evidence.fact_id
        and presence.evidence_language_code = evidence.language_code
    where predictions.is_right and not predictions.is_present and predictions.fact_type_code is not null
    order by predictions.model_id, predictions.text_unit, predictions.language_code, predictions.fact_id
)

select * from final
