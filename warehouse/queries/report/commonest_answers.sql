-- What a model says most often
-- For each relation and language: the commonest answer, and the share of questions that get it. If most questions of a relation get one answer, the model has not understood the question, or begins its answers with a word such as an article; P@1 is then no measure of what it knows.
-- n: format('{:,} questions', sum(fact_count)::bigint)
select
    model_id,
    language_code,
    language_name,
    coalesce(relation_name, verdicts.relation_id) as relation,
    commonest_answer,
    commonest_rate,
    commonest_count,
    answer_count,
    right_rate,
    verdicts.fact_count,
from p_at_1_by_verdict as verdicts
join dim_languages using (language_code)
left join dim_relations on dim_relations.relation_id = verdicts.relation_id
where verdict_code = 'exact' and verdicts.relation_id != 'all' and commonest_answer is not null
order by model_id, language_code, relation
