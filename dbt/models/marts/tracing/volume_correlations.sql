{%- set sizes = {
    "documents": "document_count",
    "chunks": "chunk_count",
    "tokens": "token_count",
    "characters": "character_count",
    "bytes": "text_bytes",
} %}

with
p_at_1_by_language as (select * from {{ ref('p_at_1_by_language') }}),
dim_models as (select * from {{ ref('dim_models') }}),
corpus_sizes as (select * from {{ ref('corpus_sizes') }}),

languages as (
    select
        models.model_id,
        models.corpus_id,
        p_at_1.language_code,
        p_at_1.full_match_rate as y,
        {%- for size, column in sizes.items() %}
        sizes.{{ column }}::double as {{ size }},
        {%- endfor %}
    from p_at_1_by_language as p_at_1
    inner join dim_models as models using (model_id)
    inner join corpus_sizes as sizes
        on models.corpus_id = sizes.corpus_id
        and p_at_1.language_code = sizes.language_code
),

pairs as (
    select *
    from languages
    unpivot include nulls (x for size_code in ({{ sizes | join(", ") }}))
),

points as (
    select
        model_id,
        size_code,
        x,
        y,
        row_number() over (partition by model_id, size_code order by language_code) - 1 as point_index,
        count(*) over (partition by model_id, size_code) as language_count,
    from pairs
    where x is not null
),

correlations as (
    {{ correlate('points', ['model_id', 'size_code']) | indent(4) }}
),

-- The same languages are drawn for all models and sizes. Three points are too few, as for Fisher's
-- interval.
draws as (
    select
        places.language_count,
        resamples.resample_index,
        floor(
            {{ draw("resamples.resample_index || ':' || places.place_index") }} * places.language_count
        )::bigint as point_index,
    from (
        select
            language_count,
            unnest(range(language_count)) as place_index,
        from (select distinct language_count from points where language_count > 3)
    ) as places
    cross join (select unnest(range({{ var('bootstrap_count') }})) as resample_index) as resamples
),

resampled as (
    select
        points.model_id,
        points.size_code,
        draws.resample_index,
        points.x,
        points.y,
    from draws
    inner join points using (language_count, point_index)
),

resamples as (
    {{ correlate('resampled', ['model_id', 'size_code', 'resample_index']) | indent(4) }}
),

-- The percentiles of few points are too close together. They are taken further out: where the normal
-- distribution has Student's quantile, times sqrt(n / (n - 1)) (Hesterberg 2015).
levels as (
    select
        language_count,
        {{ student_tail(
            student_quantile("(language_count - 1)") ~ " * sqrt(language_count / (language_count - 1))", "1e9::double"
        ) }} as level,
    from (select distinct language_count from points where language_count > 3)
),

sorted as (
    select
        resamples.model_id,
        resamples.size_code,
        any_value(levels.level) as level,
        {%- for name in ['pearson', 'spearman'] %}
        list({{ name }}_score order by {{ name }}_score) filter (where {{ name }}_score is not null) as {{ name }}_scores,
        {%- endfor %}
    from resamples
    inner join (select distinct model_id, size_code, language_count from points) as counts using (model_id, size_code)
    inner join levels using (language_count)
    group by all
),

intervals as (
    select
        model_id,
        size_code,
        {%- for name in ['pearson', 'spearman'] %}
        {{ sorted_quantile(name ~ "_scores", "level") }} as {{ name }}_bootstrap_score_low,
        {{ sorted_quantile(name ~ "_scores", "(1 - level)") }} as {{ name }}_bootstrap_score_high,
        {%- endfor %}
    from sorted
),

final as (
    select
        measured.model_id,
        measured.corpus_id,
        measured.size_code,
        coalesce(correlations.point_count, 0) as language_count,
        {%- for name in ['pearson', 'spearman'] %}
        correlations.{{ name }}_score,
        correlations.{{ name }}_score_low,
        correlations.{{ name }}_score_high,
        intervals.{{ name }}_bootstrap_score_low,
        intervals.{{ name }}_bootstrap_score_high,
        {%- endfor %}
    from (select distinct model_id, corpus_id, size_code from pairs) as measured
    left join correlations using (model_id, size_code)
    left join intervals using (model_id, size_code)
    order by measured.model_id, measured.size_code
)

select * from final
