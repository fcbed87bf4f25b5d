{#-
    Writes what Dagster shows of a mart: its row count and its first ten rows by key, as one JSON object
    in the folder FACTROOTS_PREVIEWS. All rows if `meta: plotted` names a column to draw over time. While
    dbt builds, because no other process can read the file meanwhile. Without the folder nothing is
    written.
-#}
{% macro preview(relation, model) -%}
    {%- set folder = env_var("FACTROOTS_PREVIEWS", "") -%}
    {%- if folder -%}
    {%- set keys = model.constraints | selectattr("type", "equalto", "primary_key") | list -%}
    copy (
        select
            (select count(*) from {{ relation }}) as row_count,
            (
                select list(shown)
                from (
                    from {{ relation }}
                    {% if keys %}order by {{ keys[0].columns | join(", ") }}{% endif %}
                    {% if "plotted" not in model.config.meta %}limit 10{% endif %}
                ) as shown
            ) as rows
    ) to '{{ folder | replace("'", "''") }}/{{ relation.identifier }}.json' (format json);
    {%- endif -%}
{%- endmacro %}
