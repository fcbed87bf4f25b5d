-- Which relations does a model know best, over all languages, and where does it know them best?
-- Languages with fewer than five facts of the relation count neither as best nor as worst.
-- columns: model_id, relation_id, relation_name, language_count, fact_count, full_match_count,
--   full_match_rate, best_language_code, best_rate, worst_language_code, worst_rate
-- rows: 1..*, one per model_id, relation_id
select
    model_id,
    relation_id,
    any_value(relations.relation_name) as relation_name,
    count(*) as language_count,
    sum(p_at_1.fact_count)::bigint as fact_count,
    sum(p_at_1.full_match_count)::bigint as full_match_count,
    sum(p_at_1.full_match_count) / sum(p_at_1.fact_count) as full_match_rate,
    max_by(p_at_1.language_code, (p_at_1.full_match_rate, p_at_1.fact_count, p_at_1.language_code))
        filter (p_at_1.fact_count >= 5) as best_language_code,
    max(p_at_1.full_match_rate) filter (p_at_1.fact_count >= 5) as best_rate,
    min_by(p_at_1.language_code, (p_at_1.full_match_rate, -p_at_1.fact_count, p_at_1.language_code))
        filter (p_at_1.fact_count >= 5) as worst_language_code,
    min(p_at_1.full_match_rate) filter (p_at_1.fact_count >= 5) as worst_rate,
from p_at_1_by_relation as p_at_1
inner join dim_relations as relations using (relation_id)
group by model_id, relation_id
order by model_id, full_match_rate desc, relation_id
