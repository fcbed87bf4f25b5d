-- Right although absent from the training text, by fact type
select
    model_id as model,
    fact_type_code as fact_type,
    sum(type_count)::bigint as facts,
from fact_types_by_language
group by all
order by all
