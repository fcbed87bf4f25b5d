with
absence_by_language as (select * from {{ ref('absence_by_language') }}),
fact_types_by_language as (select * from {{ ref('fact_types_by_language') }}),
fact_types_overview as (select * from {{ ref('fact_types_overview') }}),

-- How many languages were searched; the overview counts those that have a rate to average.
searched as (
    select
        model_id,
        count(*) as language_count,
    from absence_by_language
    where text_unit = 'chunk' and scope_code = 'full_match'
    group by all
),

totals as (
    select
        overview.* exclude (language_count),
        if(overview.aggregation_code = 'macro', overview.language_count, searched.language_count)
            as language_count,
    from fact_types_overview as overview
    inner join searched using (model_id)
    where overview.text_unit = 'chunk'
),

final as (
    select
        model_id,
        'type_count' as metric_code,
        fact_type_code as variant_code,
        null as aggregation_code,
        language_code,
        null as language_b,
        1 as language_count,
        type_count::double as measured_value,
    from fact_types_by_language
    where text_unit = 'chunk'
    union all
    select model_id, 'type_rate', fact_type_code, aggregation_code, null, null, language_count, type_rate
    from totals
    {%- for count in ['type_count', 'token_overlap_count'] %}
    union all
    select model_id, '{{ count }}', fact_type_code, null, null, null, language_count, {{ count }}
    from totals
    where aggregation_code = 'micro'
    {%- endfor %}
)

select * from final
