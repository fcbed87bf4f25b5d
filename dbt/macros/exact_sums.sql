{#-
    Sum and mean of values between -9 and 9. They do not depend on the order of the rows, because the
    values are decimals with 17 places, which are as precise as a double. exact_total stays a decimal,
    to be summed again, and so does a single value (exact).
-#}
{% macro exact(value) -%}
    ({{ value }})::decimal(18, 17)
{%- endmacro %}

{% macro exact_total(value, over=none) -%}
    (sum({{ exact(value) }}){{ " over " ~ over if over }})
{%- endmacro %}

{% macro exact_sum(value, over=none) -%}
    ({{ exact_total(value, over) }}::double)
{%- endmacro %}

{% macro exact_mean(value) -%}
    ({{ exact_sum(value) }} / count({{ value }}))
{%- endmacro %}
