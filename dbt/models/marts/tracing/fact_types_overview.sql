with
fact_types_by_language as not materialized (select * from {{ ref('fact_types_by_language') }}),
int_traced_predictions as (select * from {{ ref('int_traced_predictions') }}),
dim_facts as (select * from {{ ref('dim_facts') }}),

types as (
    select unnest(['shared_tokens', 'naming', 'others']) as fact_type_code
),

answers as (
    select
        predictions.model_id,
        predictions.corpus_id,
        predictions.text_unit,
        predictions.language_code,
        predictions.relation_id,
        dim_facts.object_id,
        predictions.fact_id,
        types.fact_type_code,
        (predictions.fact_type_code = types.fact_type_code)::integer as is_hit,
    from int_traced_predictions as predictions
    inner join dim_facts using (fact_id)
    cross join types
    where predictions.is_right and not predictions.is_present
),

overview as (
    {{ averages_over_languages(
        "fact_types_by_language",
        "answers",
        ["model_id", "corpus_id", "text_unit", "fact_type_code"],
        ["type_count", "token_overlap_count", "absent_full_match_count"],
        "type_count", "absent_full_match_count", "type_rate",
    ) }}
),

final as (
    select * from overview
    order by model_id, text_unit, fact_type_code, aggregation_code
)

select * from final
