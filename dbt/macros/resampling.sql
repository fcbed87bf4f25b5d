{#-
    A number between 0 and 1 that depends only on `key` (text). It is the same in every version of DuckDB
    and on every machine, unlike random() and hash().
-#}
{% macro draw(key) -%}
    (md5_number_lower('{{ var("bootstrap_seed", "factroots") }}:' || {{ key }}) / 18446744073709551616.0::double)
{%- endmacro %}

{#- Quantile of a sorted list at a level between 0 and 1, by linear interpolation; null of an empty list. -#}
{% macro sorted_quantile(values, level) -%}
    {%- set place = "(" ~ level ~ " * (len(" ~ values ~ ") - 1))" -%}
    (
        {{ values }}[floor({{ place }})::bigint + 1] * (1 - ({{ place }} - floor({{ place }})))
        + {{ values }}[ceil({{ place }})::bigint + 1] * ({{ place }} - floor({{ place }}))
    )
{%- endmacro %}
