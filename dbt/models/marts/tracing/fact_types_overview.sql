with pooled as (
    select
        model_id,
        corpus_id,
        text_unit,
        fact_type_code,
        count(type_rate) as language_count,
        sum(type_count)::bigint as type_count,
        sum(token_overlap_count)::bigint as token_overlap_count,
        sum(absent_full_match_count)::bigint as absent_full_match_count,
        avg(type_rate order by type_rate) as mean_rate,
        -- Interval of a mean of independent rates from their own intervals (Zou & Donner 2008).
        sqrt(sum((type_rate - type_rate_low) ** 2 order by type_rate, absent_full_match_count))
            / count(type_rate) as mean_below,
        sqrt(sum((type_rate_high - type_rate) ** 2 order by type_rate, absent_full_match_count))
            / count(type_rate) as mean_above,
    from {{ ref('fact_types_by_language') }}
    group by all
),

micro as (
    select
        model_id,
        corpus_id,
        text_unit,
        fact_type_code,
        'micro' as aggregation_code,
        language_count,
        type_count,
        token_overlap_count,
        absent_full_match_count,
        {{ wilson('type_count', 'absent_full_match_count', 'type_rate') }},
    from pooled
),

macro as (
    select
        model_id,
        corpus_id,
        text_unit,
        fact_type_code,
        'macro' as aggregation_code,
        language_count,
        type_count,
        token_overlap_count,
        absent_full_match_count,
        mean_rate as type_rate,
        greatest(0, mean_rate - mean_below) as type_rate_low,
        least(1, mean_rate + mean_above) as type_rate_high,
    from pooled
),

final as (
    select * from micro
    union all
    select * from macro
    order by model_id, text_unit, fact_type_code, aggregation_code
)

select * from final
