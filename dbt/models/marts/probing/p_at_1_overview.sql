with languages as (
    {%- for match in ['full', 'partial', 'any_object'] %}
    select
        model_id,
        '{{ match }}' as match_code,
        fact_count,
        {{ match }}_match_count as match_count,
        {{ match }}_match_rate as match_rate,
        {{ match }}_match_rate_low as match_rate_low,
        {{ match }}_match_rate_high as match_rate_high,
    from {{ ref('p_at_1_by_language') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

pooled as (
    select
        model_id,
        match_code,
        count(*) as language_count,
        sum(fact_count)::bigint as fact_count,
        sum(match_count)::bigint as match_count,
        avg(match_rate order by match_rate) as mean_rate,
        -- Interval of a mean of independent rates from their own intervals (Zou & Donner 2008).
        sqrt(sum((match_rate - match_rate_low) ** 2 order by match_rate, fact_count)) / count(*) as mean_below,
        sqrt(sum((match_rate_high - match_rate) ** 2 order by match_rate, fact_count)) / count(*) as mean_above,
    from languages
    group by all
),

micro as (
    select
        model_id,
        match_code,
        'micro' as aggregation_code,
        language_count,
        fact_count,
        match_count,
        {{ wilson('match_count', 'fact_count', 'match_rate') }},
    from pooled
),

macro as (
    select
        model_id,
        match_code,
        'macro' as aggregation_code,
        language_count,
        fact_count,
        match_count,
        mean_rate as match_rate,
        greatest(0, mean_rate - mean_below) as match_rate_low,
        least(1, mean_rate + mean_above) as match_rate_high,
    from pooled
),

final as (
    select * from micro
    union all
    select * from macro
    order by model_id, match_code, aggregation_code
)

select * from final
