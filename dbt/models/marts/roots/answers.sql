with
predictions as (select * from {{ without_database(ref('fct_predictions')) }}),
presence as (select * from {{ without_database(ref('fct_fact_presence')) }}),
roots as (select * from {{ without_database(ref('fct_fact_roots')) }}),
models as (select * from {{ without_database(ref('dim_models')) }}),
languages as (select * from {{ without_database(ref('dim_languages')) }}),
relations as (select * from {{ without_database(ref('dim_relations')) }}),
facts as (select * from {{ without_database(ref('dim_facts')) }}),
labels as (select * from {{ without_database(ref('dim_fact_labels')) }}),
corpora as (select * from {{ without_database(ref('dim_corpora')) }}),

stated as (
    select
        corpus_id,
        text_unit,
        fact_id,
        count(*) filter (where is_present) as present_language_count,
    from presence
    group by all
),

calibrated as (select * from roots where rule_code = 'calibrated'),

paper as (select * from roots where rule_code = 'paper'),

final as (
    select
        predictions.model_id,
        predictions.language_code,
        languages.language_name,
        predictions.fact_id,
        predictions.relation_id,
        relations.relation_name,
        facts.subject_label as fact_subject_label,
        facts.object_label as fact_object_label,
        labels.subject_label,
        labels.object_label,
        predictions.predicted_text,
        predictions.is_right,
        predictions.is_full_match,
        predictions.is_alias_match,
        predictions.gold_rank,
        predictions.gold_log_prob,
        models.corpus_id,
        corpora.text_unit,
        presence.is_present,
        presence.shared_count,
        stated.present_language_count,
        presence.evidence_text,
        calibrated.root_code,
        calibrated.root_probability,
        calibrated.reason,
        calibrated.source_language_codes,
        calibrated.source_probabilities,
        paper.root_code as paper_root_code,
        paper.reason as paper_reason,
    from predictions
    inner join models on predictions.model_id = models.model_id
    left join languages on predictions.language_code = languages.language_code
    left join relations on predictions.relation_id = relations.relation_id
    left join facts on predictions.fact_id = facts.fact_id
    left join labels
        on predictions.language_code = labels.language_code
        and predictions.fact_id = labels.fact_id
    left join corpora on models.corpus_id = corpora.corpus_id
    left join presence
        on corpora.corpus_id = presence.corpus_id
        and corpora.text_unit = presence.text_unit
        and predictions.language_code = presence.language_code
        and predictions.fact_id = presence.fact_id
    left join stated
        on corpora.corpus_id = stated.corpus_id
        and corpora.text_unit = stated.text_unit
        and predictions.fact_id = stated.fact_id
    left join calibrated
        on predictions.model_id = calibrated.model_id
        and predictions.language_code = calibrated.language_code
        and predictions.fact_id = calibrated.fact_id
    left join paper
        on predictions.model_id = paper.model_id
        and predictions.language_code = paper.language_code
        and predictions.fact_id = paper.fact_id
)

select * from final
