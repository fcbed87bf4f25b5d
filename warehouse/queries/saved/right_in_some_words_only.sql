-- For which relations does P@1 depend most on the words of the question?
-- The best and the worst wording of each relation, for studies that ask in several wordings.
-- columns: model_id, language_code, relation_id, relation_name, fact_count, best_template,
--   best_rate, worst_template, worst_rate, any_rate, all_rate, same_answer_rate
-- rows: 0..*, one per model_id, language_code, relation_id
with extremes as (
    select
        model_id,
        language_code,
        relation_id,
        max_by(template, (right_rate, template_id)) as best_template,
        max(right_rate) as best_rate,
        min_by(template, (right_rate, template_id)) as worst_template,
        min(right_rate) as worst_rate,
    from p_at_1_by_wording
    where relation_id != 'all'
    group by all
)

select
    agreement.model_id,
    agreement.language_code,
    agreement.relation_id,
    relations.relation_name,
    agreement.fact_count,
    extremes.best_template,
    extremes.best_rate,
    extremes.worst_template,
    extremes.worst_rate,
    agreement.any_rate,
    agreement.all_rate,
    agreement.same_answer_rate,
from wording_agreement as agreement
inner join extremes using (model_id, language_code, relation_id)
inner join dim_relations as relations using (relation_id)
order by
    extremes.best_rate - extremes.worst_rate desc,
    agreement.model_id, agreement.language_code, agreement.relation_id
