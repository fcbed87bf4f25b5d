-- Which text is the most similar one in all languages that state the fact, by the raw score or normalised
-- within the pair of languages? In each language the fact's own text competes with the best other one.
{%- set scales = {"raw": ("own_score", "best_other_score"), "normalised": ("own_excess", "best_other_excess")} %}
{%- set keys = "model_id, measure_code, scale_code" %}

with
int_text_scores as (select * from {{ ref('int_text_scores') }}),

candidates as (
    {%- for scale, columns in scales.items() %}
    {%- set outer_last = loop.last %}
    {%- for is_own, column in [("true", columns[0]), ("false", columns[1])] %}
    select
        model_id,
        measure_code,
        '{{ scale }}' as scale_code,
        target_language_code,
        fact_id,
        source_language_code,
        {{ is_own }} as is_own,
        {{ column }} as score,
    from int_text_scores
    where own_excess is not null
    {{ "union all" if not (loop.last and outer_last) }}
    {%- endfor %}
    {%- endfor %}
),

best as (
    select
        {{ keys }},
        target_language_code,
        fact_id,
        count(distinct source_language_code) as language_count,
        -- Ties go to the text about another fact.
        arg_max(is_own, (score, not is_own, source_language_code)) as is_first_own,
        arg_max(source_language_code, (score, not is_own, source_language_code)) as first_language_code,
        bool_or(source_language_code = target_language_code) as has_same_language,
    from candidates
    group by all
),

counts as (
    select
        {{ keys }},
        count(*) as query_count,
        count(distinct fact_id) as fact_count,
        count(*) filter (where is_first_own) as first_count,
        count(*) filter (where first_language_code = target_language_code) as same_language_count,
        sum(1 / language_count::double order by language_count) / count(*) as same_language_chance_score,
    from best
    where has_same_language and language_count > 1
    group by all
),

totals as (
    select
        {{ keys }},
        first_count / query_count::double as first_mean,
        same_language_count / query_count::double as same_language_mean,
    from counts
),

pulls as (
    select
        {{ keys }},
        best.fact_id,
        sum(best.is_first_own::integer - totals.first_mean) as first_pull,
        sum((best.first_language_code = best.target_language_code)::integer - totals.same_language_mean)
            as same_language_pull,
    from best
    inner join totals using ({{ keys }})
    where best.has_same_language and best.language_count > 1
    group by all
),

variances as (
    select
        {{ keys }},
        sum(first_pull ** 2 order by first_pull) as first_variance,
        sum(same_language_pull ** 2 order by same_language_pull) as same_language_variance,
    from pulls
    group by all
),

final as (
    select
        {{ keys }},
        counts.query_count,
        counts.fact_count,
        counts.first_count,
        {{ normal_interval(
            "totals.first_mean", "variances.first_variance / counts.query_count ** 2", "first_score"
        ) }},
        counts.same_language_count,
        {{ normal_interval(
            "totals.same_language_mean",
            "variances.same_language_variance / counts.query_count ** 2",
            "same_language_score",
        ) }},
        counts.same_language_chance_score,
    from counts
    inner join totals using ({{ keys }})
    inner join variances using ({{ keys }})
    order by {{ keys }}
)

select * from final
