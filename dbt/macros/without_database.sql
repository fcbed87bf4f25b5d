{#- Name of a relation without the file's: a view then reads its own file under whatever name it is attached. -#}
{% macro without_database(relation) -%}
    {{ relation.include(database=false) }}
{%- endmacro %}
