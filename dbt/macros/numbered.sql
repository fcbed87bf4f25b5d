{#-
    A select of all rows of a model with its identifier as a small integer, for joins that meet
    millions of rows: dim_languages gets language_number, dim_facts fact_number.
-#}
{% macro numbered_languages() -%}
    select
        language_code,
        row_number() over (order by language_code)::smallint as language_number,
    from {{ ref('dim_languages') }}
{%- endmacro %}

{% macro numbered_facts() -%}
    select
        fact_id,
        relation_id,
        object_id,
        row_number() over (order by fact_id)::integer as fact_number,
    from {{ ref('dim_facts') }}
{%- endmacro %}
