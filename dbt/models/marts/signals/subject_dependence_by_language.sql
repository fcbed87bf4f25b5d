{%- set codes = ["no_subject", "any_subject", "part_of_subject", "whole_subject"] %}

with
fct_subject_dependence as (select * from {{ ref('fct_subject_dependence') }}),

counts as (
    select
        model_id,
        language_code,
        count(*) as answer_count,
        {%- for code in codes %}
        count(*) filter (where dependence_code = '{{ code }}') as {{ code }}_count,
        {%- endfor %}
    from fct_subject_dependence
    where dependence_code != 'not_measured'
    group by all
),

final as (
    select
        model_id,
        language_code,
        answer_count,
        {%- for code in codes %}
        {{ code }}_count,
        {{ wilson(code ~ "_count", "answer_count", code ~ "_rate") }},
        {%- endfor %}
    from counts
    order by model_id, language_code
)

select * from final
