{%- set paper_models = [
    ("mbert", "bert-base-multilingual-cased"),
    ("xlmr-large", "xlm-roberta-large"),
] %}
{%- set subjects = ["p_at_1", "objects", "correlations", "similarities", "absences", "fact_types"] %}

with
dim_models as not materialized (select * from {{ ref('dim_models') }}),
published_figures as (select * from {{ ref('published_figures') }}),
{%- for subject in subjects %}
int_measured_{{ subject }} as (select * from {{ ref('int_measured_' ~ subject) }}),
{%- endfor %}

-- The name must be a whole part of the path: 'distilbert-base-multilingual-cased' ends like mBERT's
-- name and is another model.
study_models as (
    {%- for model_code, name in paper_models %}
    select
        '{{ model_code }}' as model_code,
        model_id,
    from dim_models
    where regexp_matches(source, '(^|[/\\]){{ name }}[/\\]*$')
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

measured as (
    {%- for subject in subjects %}
    select * from int_measured_{{ subject }}
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
    from published_figures as published
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
