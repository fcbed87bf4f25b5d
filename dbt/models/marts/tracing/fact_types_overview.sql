with
fact_types_by_language as (select * from {{ ref('fact_types_by_language') }}),

overview as (
    {{ averages_over_languages(
        "fact_types_by_language",
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
