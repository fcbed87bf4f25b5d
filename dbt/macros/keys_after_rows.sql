{#-
    Adds primary keys after the rows: DuckDB then builds the index at once, on all threads, in half the
    time. The first macro leaves the key out of the table's definition. The second adds it, and fails if
    rows share a key. A view has none, and a table of facts has no index (fact_keys).
-#}
{% macro duckdb__get_table_columns_and_constraints() -%}
    {%- set constraints = model["constraints"] | rejectattr("type", "equalto", "primary_key") | list -%}
    (
        {{ (
            adapter.render_raw_columns_constraints(raw_columns=model["columns"])
            + adapter.render_raw_model_constraints(raw_constraints=constraints)
        ) | join(",\n        ") }}
    )
{%- endmacro %}

{% macro add_key(relation, model) -%}
    {%- if relation.is_table and model.name not in fact_keys() -%}
    {%- for constraint in model.constraints | selectattr("type", "equalto", "primary_key") -%}
    alter table {{ relation }} add primary key ({{ constraint.columns | join(", ") }});
    {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
