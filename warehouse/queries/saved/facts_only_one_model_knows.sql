-- Which facts does one model know in most languages while the other knows them in none?
-- Both directions. Default: the first two models by name.
-- columns: knowing_model_id, other_model_id, fact_id, relation_name, subject_label, object_label,
--   language_count, language_codes
-- rows: 0..100, one per knowing_model_id, fact_id
-- variables: model_a = the first model by name; model_b = the second
with names as (
    select list(model_id order by model_id) as model_ids from dim_models
),

pair as (
    select
        coalesce(getvariable('model_a'), model_ids[1]) as model_a,
        coalesce(getvariable('model_b'), model_ids[2]) as model_b,
    from names
),

knowing as (
    select
        predictions.model_id,
        predictions.fact_id,
        count(*) as language_count,
        list(predictions.language_code order by predictions.language_code) as language_codes,
    from fct_predictions as predictions
    inner join pair on predictions.model_id in (pair.model_a, pair.model_b)
    where predictions.is_full_match
    group by predictions.model_id, predictions.fact_id
)

select
    knowing.model_id as knowing_model_id,
    if(knowing.model_id = pair.model_a, pair.model_b, pair.model_a) as other_model_id,
    knowing.fact_id,
    relations.relation_name,
    facts.subject_label,
    facts.object_label,
    knowing.language_count,
    knowing.language_codes,
from knowing
cross join pair
anti join knowing as other
    on other.fact_id = knowing.fact_id and other.model_id != knowing.model_id
inner join dim_facts as facts on facts.fact_id = knowing.fact_id
inner join dim_relations as relations on relations.relation_id = facts.relation_id
order by knowing.language_count desc, knowing.fact_id, knowing.model_id
limit 100
