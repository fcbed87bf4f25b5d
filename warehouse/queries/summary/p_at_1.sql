-- P@1: right answers / facts (micro), and its mean over languages (macro)
select
    model_id as model,
    any_value(language_count) as languages,
    any_value(fact_count) as facts,
    any_value(match_count) as "right",
    max(match_rate) filter (aggregation_code = 'micro') as micro,
    max(match_rate) filter (aggregation_code = 'macro') as macro,
from p_at_1_overview
where match_code = 'full'
group by model_id
order by model_id
