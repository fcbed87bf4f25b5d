with
volume_correlations as (select * from {{ ref('volume_correlations') }}),
token_count_correlations as (select * from {{ ref('token_count_correlations') }}),
int_object_p_at_1 as (select * from {{ ref('int_object_p_at_1') }}),

token_languages as (
    select
        model_id,
        count(distinct language_code) as language_count,
    from int_object_p_at_1
    group by all
),

final as (
    select
        model_id,
        'volume_correlation' as metric_code,
        case size_code when 'bytes' then 'article_bytes' else size_code end as variant_code,
        null as aggregation_code,
        null as language_code,
        null as language_b,
        language_count,
        pearson_score as measured_value,
    from volume_correlations
    union all
    select model_id, 'token_count_correlation', null, null, null, null, language_count, pearson_score
    from token_count_correlations
    inner join token_languages using (model_id)
    where unit_code = 'token_count' and scope_code = 'all'
)

select * from final
