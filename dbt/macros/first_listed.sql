{#- Aggregate: the value of a column that comes first in the list of a dbt var; null if none is listed. -#}
{% macro first_listed(column, list) -%}
    {%- set listed -%}
    list_position(['{{ var(list) | join("', '") }}'], {{ column }})
    {%- endset -%}
    min_by({{ column }}, {{ listed }}) filter (where {{ listed }} is not null)
{%- endmacro %}
