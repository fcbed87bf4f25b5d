{#-
    Writes what Dagster shows of a mart: its row count and its first ten rows by key, as one JSON object
    in the folder FACTROOTS_PREVIEWS. All rows if `meta: plotted` names a column to draw over time. A
    hook, because no other process can read the file while dbt writes it. Without the folder nothing is
    written.
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
