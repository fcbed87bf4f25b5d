{#- Marts are in the schema `main`. A folder with a schema of its own gets that name without a prefix. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
