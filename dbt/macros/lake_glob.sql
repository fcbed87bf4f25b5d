{#-
    A glob below the lake as a quoted SQL string. The lake's own path may hold quotes and characters
    that a glob would read as wildcards, so these are escaped; the pattern is taken as it is.
-#}
{% macro lake_glob(pattern) -%}
    '{{ var("lake")
        | replace("[", "[[]") | replace("*", "[*]") | replace("?", "[?]") | replace("'", "''")
    }}/{{ pattern }}'
{%- endmacro %}
