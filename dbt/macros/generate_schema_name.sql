{#- Marts lie in `main`; a folder that asks for another schema gets exactly that name, unprefixed. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
