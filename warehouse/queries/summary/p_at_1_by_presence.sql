-- P@1 by where the training text states the fact (planted truth)
with languages as (
    select
        model_id,
        presence_code,
        language_code,
        sum(fact_count) as facts,
        sum(full_match_count) as matches,
    from p_at_1_by_presence
    where presence_code != 'unknown'
    group by all
)
select
    model_id as model,
    presence_code as stated,
    sum(facts)::bigint as facts,
    sum(matches)::bigint as "right",
    sum(matches) / sum(facts) as "P@1",
    min(matches / facts) as lowest_language,
from languages
group by model_id, presence_code
order by model_id, list_position(['here', 'elsewhere', 'nowhere'], presence_code)
