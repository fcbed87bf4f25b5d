{#-
    A glob below the lake as a quoted SQL string. Quotes and wildcards in the lake's own path are
    escaped; those of the pattern are not.
-#}
{% macro lake_glob(pattern) -%}
    '{{ var("lake")
        | replace("[", "[[]") | replace("*", "[*]") | replace("?", "[?]") | replace("'", "''")
    }}/{{ pattern }}'
{%- endmacro %}
