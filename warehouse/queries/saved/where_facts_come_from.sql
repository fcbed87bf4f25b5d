-- Where do the facts come from that a model knows?
-- All languages of a model together, by each rule. By the paper's rule 'transferred' is an upper bound.
-- columns: model_id, rule_code, root_code, language_count, root_count, full_match_count, root_rate
-- rows: 1..*, one per model_id, rule_code, root_code
select
    model_id,
    rule_code,
    root_code,
    count(*) filter (root_count > 0) as language_count,
    sum(root_count)::bigint as root_count,
    sum(full_match_count)::bigint as full_match_count,
    sum(root_count) / nullif(sum(full_match_count), 0) as root_rate,
from roots_by_language
group by model_id, rule_code, root_code
order by model_id, rule_code, root_count desc, root_code
