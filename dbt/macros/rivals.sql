{#-
    Subjects of a relation that have several objects in a language: only there can an answer be right
    with another object than the fact's own.
-#}
{% macro subjects_with_rivals() -%}
    select
        language_code,
        relation_id,
        subject_id,
    from {{ ref('int_language_facts') }}
    group by all
    having count(*) > 1
{%- endmacro %}
