with
int_object_p_at_1 as (select * from {{ ref('int_object_p_at_1') }}),
p_at_1_by_language as (select * from {{ ref('p_at_1_by_language') }}),

objects as (
    select
        model_id,
        language_code,
        count(*) as one_token_object_count,
        avg(full_match_rate order by full_match_rate) as object_mean_score,
        stddev_samp(full_match_rate order by full_match_rate) / sqrt(count(*)) as object_mean_error,
        sum(fact_count)::bigint as one_token_fact_count,
        sum(full_match_count)::bigint as one_token_full_match_count,
    from int_object_p_at_1
    where object_token_count = 1
    group by all
),

counts as (
    select
        languages.model_id,
        languages.language_code,
        coalesce(objects.one_token_object_count, 0) as one_token_object_count,
        objects.object_mean_score,
        objects.object_mean_error,
        coalesce(objects.one_token_fact_count, 0) as one_token_fact_count,
        coalesce(objects.one_token_full_match_count, 0) as one_token_full_match_count,
    from p_at_1_by_language as languages
    left join objects using (model_id, language_code)
),

final as (
    select
        model_id,
        language_code,
        one_token_object_count,
        object_mean_score,
        greatest(0, object_mean_score - {{ var('interval_z') }} * object_mean_error) as object_mean_score_low,
        least(1, object_mean_score + {{ var('interval_z') }} * object_mean_error) as object_mean_score_high,
        one_token_fact_count,
        one_token_full_match_count,
        {{ wilson('one_token_full_match_count', 'one_token_fact_count', 'one_token_full_match_rate') }},
    from counts
    order by model_id, language_code
)

select * from final
