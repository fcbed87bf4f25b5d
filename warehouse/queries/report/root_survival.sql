-- Would the answer be right without its own text?
-- Of right answers that the language's text states: how often the same fact is right in worlds in which only other languages state it, by traced root, with 95 % intervals. If roots were right, shared answers would survive and independent ones would not.
-- n: format('{:,} right answers', sum(answer_count)::bigint)
select
    model_id,
    root_code,
    survival_rate,
    survival_rate_low,
    survival_rate_high,
    answer_count,
    world_answer_count,
from root_survival
where rule_code = 'paper' and half_code = 'all' and labels_code = 'given'
order by model_id, root_code
