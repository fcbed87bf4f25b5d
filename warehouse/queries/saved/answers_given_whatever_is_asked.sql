-- Which answer does a model give most often for a relation, and how much of P@1 is this answer being right?
-- The most frequent answer per relation and language, and how often it is the right one.
-- columns: model_id, language_code, relation_id, relation_name, fact_count, predicted_text,
--   answer_count, answer_rate, answer_right_count, full_match_count
-- rows: 1..*, one per model_id, language_code, relation_id
with answers as (
    select
        model_id,
        language_code,
        relation_id,
        predicted_text,
        count(*) as answer_count,
        count(*) filter (is_full_match) as answer_right_count,
        sum(answer_count) over asked::bigint as fact_count,
        sum(answer_right_count) over asked::bigint as full_match_count,
    from fct_predictions
    group by model_id, language_code, relation_id, predicted_text
    window asked as (partition by model_id, language_code, relation_id)
    qualify row_number() over (
        partition by model_id, language_code, relation_id
        order by answer_count desc, predicted_text
    ) = 1
)

select
    answers.model_id,
    answers.language_code,
    answers.relation_id,
    relations.relation_name,
    answers.fact_count,
    answers.predicted_text,
    answers.answer_count,
    answers.answer_count / answers.fact_count as answer_rate,
    answers.answer_right_count,
    answers.full_match_count,
from answers
inner join dim_relations as relations using (relation_id)
order by answer_rate desc, answers.model_id, answers.language_code, answers.relation_id
