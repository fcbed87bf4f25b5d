{#-
    What people see of a mart beside its run: its row count and its first rows by key, as one JSON
    object in the folder that FACTROOTS_PREVIEWS names. Ten rows, or all of them where `meta: plotted`
    names a column that is drawn over time. It is a hook because no other process can read the file
    while dbt writes it. Without the folder nothing is written.
-#}
{% macro preview() -%}
    {%- set folder = env_var("FACTROOTS_PREVIEWS", "") -%}
    {%- if execute and folder -%}
    {%- set keys = model["constraints"] | selectattr("type", "equalto", "primary_key") | list -%}
    copy (
        select
            (select count(*) from {{ this }}) as row_count,
            (
                select list(shown)
                from (
                    from {{ this }}
                    {% if keys %}order by {{ keys[0]["columns"] | join(", ") }}{% endif %}
                    {% if "plotted" not in model["config"]["meta"] %}limit 10{% endif %}
                ) as shown
            ) as rows
    ) to '{{ folder | replace("'", "''") }}/{{ this.identifier }}.json' (format json)
    {%- endif -%}
{%- endmacro %}
