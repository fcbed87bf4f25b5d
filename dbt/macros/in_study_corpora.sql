{#-
    Condition that a corpus belongs to the study. The lake keeps the Parquet files of a corpus that left
    the study, because tracing is slow. Without the var every corpus of the lake belongs to it.
-#}
{% macro in_study_corpora(column) -%}
    {%- if var('corpora', none) is none -%}
    true
    {%- else -%}
    list_contains([{% for id in var('corpora') %}'{{ id }}'{{ ", " if not loop.last }}{% endfor %}]::varchar[], {{ column }})
    {%- endif -%}
{%- endmacro %}
