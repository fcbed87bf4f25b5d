with
absence_by_language as (select * from {{ ref('absence_by_language') }}),

-- The paper's unit of text (docs/method.md#tracing); a study may have searched others as well.
absence as (
    select
        model_id,
        scope_code,
        language_code,
        fact_count,
        absent_count,
        absent_rate,
    from absence_by_language
    where text_unit = 'chunk'
),

final as (
    select
        model_id,
        'absent_count' as metric_code,
        scope_code as variant_code,
        null as aggregation_code,
        language_code,
        null as language_b,
        1 as language_count,
        absent_count::double as measured_value,
    from absence
    union all
    select model_id, 'absent_rate', scope_code, null, language_code, null, 1, absent_rate
    from absence
    union all
    select model_id, 'absent_count', scope_code, null, null, null, count(*), sum(absent_count)
    from absence
    group by all
    union all
    select
        model_id, 'absent_rate', scope_code, 'micro', null, null, count(*),
        sum(absent_count) / nullif(sum(fact_count), 0),
    from absence
    group by all
    union all
    select
        model_id, 'absent_rate', scope_code, 'macro', null, null, count(absent_rate),
        avg(absent_rate order by absent_rate),
    from absence
    group by all
)

select * from final
