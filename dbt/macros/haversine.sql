{#- Great-circle distance in kilometres between two relations with latitude and longitude in degrees. -#}
{% macro haversine(a, b) -%}
    (
        2 * 6371.0088 * asin(least(1, sqrt(
            power(sin(radians({{ b }}.latitude - {{ a }}.latitude) / 2), 2)
            + cos(radians({{ a }}.latitude)) * cos(radians({{ b }}.latitude))
            * power(sin(radians({{ b }}.longitude - {{ a }}.longitude) / 2), 2)
        )))
    )
{%- endmacro %}
