with
one_token_p_at_1_by_language as not materialized (
    select * from {{ ref('one_token_p_at_1_by_language') }}
),
int_object_p_at_1 as not materialized (select * from {{ ref('int_object_p_at_1') }}),

final as (
    select
        model_id,
        'one_token_p_at_1' as metric_code,
        null as variant_code,
        null as aggregation_code,
        language_code,
        null as language_b,
        1 as language_count,
        object_mean_score as measured_value,
    from one_token_p_at_1_by_language
    union all
    select model_id, 'one_token_object_count', null, null, language_code, null, 1, one_token_object_count
    from one_token_p_at_1_by_language
    union all
    select
        model_id, 'object_p_at_1', object_token_count::varchar, null, language_code, null, 1,
        avg(full_match_rate order by full_match_rate),
    from int_object_p_at_1
    group by all
    union all
    select model_id, 'object_count', object_token_count::varchar, null, language_code, null, 1, count(*)
    from int_object_p_at_1
    group by all
)

select * from final
