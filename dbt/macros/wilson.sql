{#-
    Three columns: <rate>, <rate>_low, <rate>_high. The rate is numerator / denominator, the bounds
    are its Wilson score interval (Wilson 1927), null where the denominator is 0. The clamps only
    remove rounding errors at rates of 0 and 1.
-#}
{% macro wilson(numerator, denominator, rate) -%}
    {%- set n = "nullif(" ~ denominator ~ ", 0)::double" -%}
    {%- set p = "((" ~ numerator ~ ") / " ~ n ~ ")" -%}
    {%- set z2 = "(" ~ var("interval_z") ~ " * " ~ var("interval_z") ~ ")" -%}
    {%- set centre = "(" ~ p ~ " + " ~ z2 ~ " / (2 * " ~ n ~ "))" -%}
    {%- set spread -%}
        ({{ var("interval_z") }} * sqrt(({{ p }} * (1 - {{ p }}) + {{ z2 }} / (4 * {{ n }})) / {{ n }}))
    {%- endset -%}
    {%- set scale = "(1 + " ~ z2 ~ " / " ~ n ~ ")" -%}
    {{ p }} as {{ rate }},
    case
        when {{ n }} is not null
        then greatest(0, least({{ p }}, ({{ centre }} - {{ spread }}) / {{ scale }}))
    end as {{ rate }}_low,
    case
        when {{ n }} is not null
        then least(1, greatest({{ p }}, ({{ centre }} + {{ spread }}) / {{ scale }}))
    end as {{ rate }}_high
{%- endmacro %}
