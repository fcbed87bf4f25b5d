{#- Method code of a mode of integration: 'integrated-gradients-amig-mean' for mode 'amig_mean'. -#}
{% macro method_of_mode(mode) -%}
    ('integrated-gradients-' || replace({{ mode }}, '_', '-'))
{%- endmacro %}
