{#-
    Correlation of x and y given `controls`, from the columns r_<a>_<b> of all correlations between them
    (names in alphabetical order). Null where the controls leave nothing of x or y.
-#}
{% macro partial_correlation(x, y, controls) -%}
    {%- if not controls -%}
    r_{{ [x, y] | sort | join("_") }}
    {%- else -%}
    {%- set last = controls[-1] -%}
    {%- set rest = controls[:-1] -%}
    {%- set xz = partial_correlation(x, last, rest) -%}
    {%- set yz = partial_correlation(y, last, rest) -%}
    (
        ({{ partial_correlation(x, y, rest) }} - {{ xz }} * {{ yz }})
        / nullif(sqrt(greatest(0, round((1 - {{ xz }} ** 2) * (1 - {{ yz }} ** 2), 12))), 0)
    )
    {%- endif -%}
{%- endmacro %}
