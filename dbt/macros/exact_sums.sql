{#-
    Sum and mean of values between -9 and 9. They do not depend on the order of the rows, because the
    values are decimals with 17 places, which are as precise as a double.
-#}
{% macro exact_sum(value) -%}
    (sum(({{ value }})::decimal(18, 17))::double)
{%- endmacro %}

{% macro exact_mean(value) -%}
    ({{ exact_sum(value) }} / count({{ value }}))
{%- endmacro %}
