{#- How the object's names in two languages agree; arguments are conditions. -#}
{% macro link_code(is_identical_string, is_same_script) -%}
    case
        when {{ is_identical_string }} then 'identical_string'
        when {{ is_same_script }} then 'same_script'
        else 'other_script'
    end
{%- endmacro %}
