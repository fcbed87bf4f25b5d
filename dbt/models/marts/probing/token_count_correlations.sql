with
int_object_p_at_1 as not materialized (select * from {{ ref('int_object_p_at_1') }}),
fct_predictions as (select * from {{ ref('fct_predictions') }}),

lengths as (
    select
        model_id,
        language_code,
        object_token_count,
        avg(full_match_rate order by full_match_rate) as mean_object_rate,
    from int_object_p_at_1
    group by all
),

-- The curve of each language is divided by its sum, so that all languages have the same weight.
curves as (
    select
        model_id,
        language_code,
        object_token_count,
        mean_object_rate,
        mean_object_rate / nullif(
            sum(mean_object_rate order by object_token_count) over (partition by model_id, language_code), 0
        ) as normalised_rate,
    from lengths
),

languages as (
    select
        model_id,
        language_code,
        sum(object_token_count)::bigint / count(*)::double as mean_token_count,
        count(*) filter (where is_full_match) / count(*)::double as full_match_rate,
    from fct_predictions
    where object_token_count > 0
    group by all
),

points as (
    select model_id, 'object' as unit_code, language_code as scope_code, object_token_count::double as x, full_match_rate as y
    from int_object_p_at_1
    union all
    select model_id, 'object', 'all', object_token_count, full_match_rate
    from int_object_p_at_1
    union all
    select model_id, 'language', 'all', mean_token_count, full_match_rate
    from languages
    union all
    select model_id, 'token_count', language_code, object_token_count, mean_object_rate
    from lengths
    union all
    select model_id, 'token_count', 'all', object_token_count, coalesce(sum(normalised_rate order by normalised_rate), 0)
    from curves
    group by all
),

correlations as (
    {{ correlate('points', ['model_id', 'unit_code', 'scope_code']) | indent(4) }}
),

-- An object has a point in each language: they depend on each other.
object_points as (
    select
        model_id,
        'object' as unit_code,
        'all' as scope_code,
        object_id,
        object_token_count::double as x,
        full_match_rate as y,
    from int_object_p_at_1
),

clustered as (
    {{ clustered_correlation('object_points', ['model_id', 'unit_code', 'scope_code'], 'object_id') | indent(4) }}
),

final as (
    select
        correlations.model_id,
        correlations.unit_code,
        correlations.scope_code,
        correlations.point_count,
        coalesce(clustered.cluster_count, correlations.point_count) as cluster_count,
        {%- for name in ['pearson', 'spearman'] %}
        correlations.{{ name }}_score,
        {%- for bound in ['low', 'high'] %}
        if(
            clustered.cluster_count is null,
            correlations.{{ name }}_score_{{ bound }},
            clustered.{{ name }}_score_{{ bound }}
        ) as {{ name }}_score_{{ bound }},
        {%- endfor %}
        {%- endfor %}
    from correlations
    left join clustered using (model_id, unit_code, scope_code)
    order by model_id, unit_code, scope_code
)

select * from final
