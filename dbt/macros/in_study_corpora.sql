{#-
    Condition that a corpus is one of the study's. A corpus that left the study keeps its Parquet, for
    tracing is slow, but leaves the marts. Without the var every corpus of the lake counts.
-#}
{% macro in_study_corpora(column) -%}
    {%- if var('corpora', none) is none -%}
    true
    {%- else -%}
    list_contains([{% for id in var('corpora') %}'{{ id }}'{{ ", " if not loop.last }}{% endfor %}]::varchar[], {{ column }})
    {%- endif -%}
{%- endmacro %}
