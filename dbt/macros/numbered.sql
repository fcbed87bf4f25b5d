{#-
    A select of all rows of `rows` with a small integer for each value of the unique `identifier` in
    the column `number`. Joins over millions of rows are faster with it.
-#}
{% macro numbered(rows, identifier, number, type="integer") -%}
    select
        *,
        row_number() over (order by {{ identifier }})::{{ type }} as {{ number }},
    from {{ rows }}
{%- endmacro %}
