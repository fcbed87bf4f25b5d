{#- Aggregate: of a column's values the one that the list in the var names first, null if it names none. -#}
{% macro first_listed(column, list) -%}
    {%- set listed -%}
    list_position(['{{ var(list) | join("', '") }}'], {{ column }})
    {%- endset -%}
    min_by({{ column }}, {{ listed }}) filter (where {{ listed }} is not null)
{%- endmacro %}
