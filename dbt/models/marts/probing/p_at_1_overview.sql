with
p_at_1_by_language as not materialized (select * from {{ ref('p_at_1_by_language') }}),

languages as (
    {%- for match in ['full', 'partial', 'any_object'] %}
    select
        model_id,
        '{{ match }}' as match_code,
        fact_count,
        {{ match }}_match_count as match_count,
        {{ match }}_match_rate as match_rate,
        {{ match }}_match_rate_low as match_rate_low,
        {{ match }}_match_rate_high as match_rate_high,
    from p_at_1_by_language
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

overview as (
    {{ averages_over_languages(
        "languages",
        ["model_id", "match_code"],
        ["fact_count", "match_count"],
        "match_count", "fact_count", "match_rate",
    ) }}
),

final as (
    select * from overview
    order by model_id, match_code, aggregation_code
)

select * from final
