{%- set matches = ['full', 'partial', 'any_object'] %}

with
p_at_1_by_language as not materialized (select * from {{ ref('p_at_1_by_language') }}),
fct_predictions as not materialized (select * from {{ ref('fct_predictions') }}),

languages as (
    {%- for match in matches %}
    select
        model_id,
        language_code,
        '{{ match }}' as match_code,
        fact_count,
        {{ match }}_match_count as match_count,
        {{ match }}_match_rate as match_rate,
    from p_at_1_by_language
    where {{ match }}_match_count is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

answers as (
    {%- for match in matches %}
    select
        model_id,
        language_code,
        relation_id,
        object_id,
        fact_id,
        '{{ match }}' as match_code,
        coalesce(is_{{ match }}_match, false)::integer as is_hit,
    from fct_predictions
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

overview as (
    {{ averages_over_languages(
        "languages",
        "answers",
        ["model_id", "match_code"],
        ["fact_count", "match_count"],
        "match_count", "fact_count", "match_rate",
    ) }}
),

final as (
    select * from overview
    order by model_id, match_code, aggregation_code
)

select * from final
