-- Which facts does a model know in most languages?
-- columns: model_id, fact_id, relation_name, subject_label, object_label, language_count,
--   right_language_count, right_rate
-- rows: 1..*, one per model_id, fact_id
with counts as (
    select
        model_id,
        fact_id,
        count(*) as language_count,
        count(*) filter (is_full_match) as right_language_count,
    from fct_predictions
    group by model_id, fact_id
    qualify row_number() over (
        partition by model_id
        order by right_language_count desc, right_language_count / language_count desc, fact_id
    ) <= 50
)

select
    counts.model_id,
    counts.fact_id,
    relations.relation_name,
    facts.subject_label,
    facts.object_label,
    counts.language_count,
    counts.right_language_count,
    counts.right_language_count / counts.language_count as right_rate,
from counts
inner join dim_facts as facts using (fact_id)
inner join dim_relations as relations using (relation_id)
order by counts.model_id, counts.right_language_count desc, right_rate desc, counts.fact_id
