{%- set scopes = [
    ("all", "true", "true"),
    ("full_match", "is_right", "true"),
    ("full_match_not_easy", "is_right and fact_type_code = 'others'", "true"),
    ("full_match_not_easy_published", "is_right", "fact_type_code = 'others'"),
] %}

with
int_traced_predictions as not materialized (select * from {{ ref('int_traced_predictions') }}),

counts as (
    {%- for scope, is_counted, is_numerator in scopes %}
    select
        model_id,
        corpus_id,
        text_unit,
        language_code,
        '{{ scope }}' as scope_code,
        count(*) filter (where {{ is_counted }}) as fact_count,
        count(*) filter (where {{ is_counted }} and not is_present and {{ is_numerator }}) as absent_count,
    from int_traced_predictions
    {%- if "not_easy" in scope %}
    -- Without a tokenizer no fact has a type.
    where fact_type_code is not null
    {%- endif %}
    group by all
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

final as (
    select
        *,
        {{ wilson('absent_count', 'fact_count', 'absent_rate') }},
    from counts
    order by model_id, text_unit, language_code, scope_code
)

select * from final
