{#-
    A select of the subjects of a relation that have several objects in a language. Only for these
    can an answer be right with another object than the fact's own.
-#}
{% macro subjects_with_rivals(language_facts) -%}
    select
        language_code,
        relation_id,
        subject_id,
    from {{ language_facts }}
    group by all
    having count(*) > 1
{%- endmacro %}
