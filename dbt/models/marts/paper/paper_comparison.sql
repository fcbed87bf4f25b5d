{%- set paper_models = [
    ("mbert", "bert-base-multilingual-cased"),
    ("xlmr-large", "xlm-roberta-large"),
] %}

-- A whole path segment: 'distilbert-base-multilingual-cased' ends like mBERT and is another model.
with study_models as (
    {%- for model_code, name in paper_models %}
    select
        '{{ model_code }}' as model_code,
        model_id,
    from {{ ref('dim_models') }}
    where regexp_matches(source, '(^|[/\\]){{ name }}[/\\]*$')
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

p_at_1 as (
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
    from {{ ref('p_at_1_by_language') }}
    union all
    {%- endfor %}
    select model_id, 'full_match_count', null, null, language_code, null, 1, full_match_count
    from {{ ref('p_at_1_by_language') }}
    union all
    select model_id, 'p_at_1', match_code, aggregation_code, null, null, language_count, match_rate
    from {{ ref('p_at_1_overview') }}
    union all
    select model_id, 'full_match_count', null, null, null, null, language_count, match_count
    from {{ ref('p_at_1_overview') }}
    where match_code = 'full' and aggregation_code = 'micro'
),

objects as (
    select
        model_id,
        'one_token_p_at_1' as metric_code,
        null as variant_code,
        null as aggregation_code,
        language_code,
        null as language_b,
        1 as language_count,
        object_mean_score as measured_value,
    from {{ ref('one_token_p_at_1_by_language') }}
    union all
    select model_id, 'one_token_object_count', null, null, language_code, null, 1, one_token_object_count
    from {{ ref('one_token_p_at_1_by_language') }}
    union all
    select
        model_id, 'object_p_at_1', object_token_count::varchar, null, language_code, null, 1,
        avg(full_match_rate order by full_match_rate),
    from {{ ref('int_object_p_at_1') }}
    group by all
    union all
    select model_id, 'object_count', object_token_count::varchar, null, language_code, null, 1, count(*)
    from {{ ref('int_object_p_at_1') }}
    group by all
),

token_languages as (
    select
        model_id,
        count(distinct language_code) as language_count,
    from {{ ref('int_object_p_at_1') }}
    group by all
),

correlations as (
    select
        model_id,
        'volume_correlation' as metric_code,
        case size_code when 'bytes' then 'article_bytes' else size_code end as variant_code,
        null as aggregation_code,
        null as language_code,
        null as language_b,
        language_count,
        pearson_score as measured_value,
    from {{ ref('volume_correlations') }}
    union all
    select model_id, 'token_count_correlation', null, null, null, null, language_count, pearson_score
    from {{ ref('token_count_correlations') }}
    inner join token_languages using (model_id)
    where unit_code = 'token_count' and scope_code = 'all'
),

-- The published mean is over certain languages; only pairs of these enter ours.
neuron_pairs as (
    select
        model_id,
        language_a,
        language_b,
        neuron_jaccard_score,
    from {{ ref('neuron_jaccard_by_language_pair') }} as pairs
    where method_code = 'probeless'
        and exists (
            select 1
            from {{ ref('published_figures') }} as published
            where published.metric_code = 'neuron_jaccard'
                and published.language_code = pairs.language_a
                and published.language_b = pairs.language_b
        )
),

neuron_languages as (
    select
        model_id,
        count(distinct language_code) as language_count,
    from (
        select model_id, unnest([language_a, language_b]) as language_code
        from neuron_pairs
        where neuron_jaccard_score is not null
    )
    group by all
),

neuron_means as (
    select
        model_id,
        language_count,
        avg(neuron_jaccard_score order by neuron_jaccard_score) as pair_mean,
    from neuron_pairs
    inner join neuron_languages using (model_id)
    group by all
),

similarities as (
    select
        model_id,
        'fact_jaccard' as metric_code,
        null as variant_code,
        null as aggregation_code,
        language_a as language_code,
        language_b,
        2 as language_count,
        jaccard_rate as measured_value,
    from {{ ref('fact_jaccard_by_language_pair') }}
    union all
    select model_id, 'neuron_jaccard', null, null, language_a, language_b, 2, neuron_jaccard_score
    from neuron_pairs
    union all
    select model_id, 'neuron_jaccard', 'pairs', 'macro', null, null, language_count, pair_mean
    from neuron_means
    union all
    select
        model_id, 'neuron_jaccard', 'zero_diagonal', 'macro', null, null, language_count,
        pair_mean * (language_count - 1) / language_count,
    from neuron_means
),

-- The paper's unit of text (docs/method.md#tracing); a study may have searched others as well.
absence as (
    select
        model_id,
        scope_code,
        language_code,
        fact_count,
        absent_count,
        absent_rate,
    from {{ ref('absence_by_language') }}
    where text_unit = 'chunk'
),

absences as (
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
),

-- How many languages were searched; the overview counts those that have a share to average.
searched as (
    select
        model_id,
        count(*) as language_count,
    from absence
    where scope_code = 'full_match'
    group by all
),

type_totals as (
    select
        overview.* exclude (language_count),
        case when overview.aggregation_code = 'macro' then overview.language_count else searched.language_count end
            as language_count,
    from {{ ref('fact_types_overview') }} as overview
    inner join searched using (model_id)
    where overview.text_unit = 'chunk'
),

types as (
    select
        model_id,
        'type_count' as metric_code,
        fact_type_code as variant_code,
        null as aggregation_code,
        language_code,
        null as language_b,
        1 as language_count,
        type_count::double as measured_value,
    from {{ ref('fact_types_by_language') }}
    where text_unit = 'chunk'
    union all
    select model_id, 'type_rate', fact_type_code, aggregation_code, null, null, language_count, type_rate
    from type_totals
    {%- for count in ['type_count', 'token_overlap_count'] %}
    union all
    select model_id, '{{ count }}', fact_type_code, null, null, null, language_count, {{ count }}
    from type_totals
    where aggregation_code = 'micro'
    {%- endfor %}
),

measured as (
    {%- for figures in ['p_at_1', 'objects', 'correlations', 'similarities', 'absences', 'types'] %}
    select * from {{ figures }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

final as (
    select
        concat_ws(
            '/', published.metric_code, published.model_code, published.variant_code,
            published.aggregation_code, published.language_code, published.language_b
        ) || coalesce('@' || study_models.model_id, '') as comparison_id,
        published.metric_code,
        published.model_code,
        study_models.model_id,
        published.variant_code,
        published.aggregation_code,
        published.language_code,
        published.language_b,
        published.scale_code,
        published.published_value,
        published.published_tolerance,
        published.language_count as published_language_count,
        measured.measured_value,
        case when measured.measured_value is not null then measured.language_count end as measured_language_count,
        case
            when published.language_count = measured.language_count
            then measured.measured_value - published.published_value
        end as difference,
        measured.measured_value is not null as is_measured,
        published.exactness_code,
        published.published_source,
        published.note,
    from {{ ref('published_figures') }} as published
    left join study_models using (model_code)
    left join measured
        on study_models.model_id = measured.model_id
        and published.metric_code = measured.metric_code
        and published.variant_code is not distinct from measured.variant_code
        and published.aggregation_code is not distinct from measured.aggregation_code
        and published.language_code is not distinct from measured.language_code
        and published.language_b is not distinct from measured.language_b
    order by comparison_id
)

select * from final
