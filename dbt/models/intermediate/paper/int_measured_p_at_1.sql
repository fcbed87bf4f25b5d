with
p_at_1_by_language as not materialized (select * from {{ ref('p_at_1_by_language') }}),
p_at_1_overview as not materialized (select * from {{ ref('p_at_1_overview') }}),

final as (
    {%- for match in ['full', 'partial'] %}
    select
        model_id,
        'p_at_1' as metric_code,
        '{{ match }}' as variant_code,
        null as aggregation_code,
        language_code,
        null as language_b,
        1 as language_count,
        {{ match }}_match_rate as measured_value,
    from p_at_1_by_language
    union all
    {%- endfor %}
    select model_id, 'full_match_count', null, null, language_code, null, 1, full_match_count
    from p_at_1_by_language
    union all
    select model_id, 'p_at_1', match_code, aggregation_code, null, null, language_count, match_rate
    from p_at_1_overview
    union all
    select model_id, 'full_match_count', null, null, null, null, language_count, match_count
    from p_at_1_overview
    where match_code = 'full' and aggregation_code = 'micro'
)

select * from final
