{#-
    Compares the columns of a model's SQL with those of its contract. dbt asks DuckDB for both; here
    only for the SQL's, since most types are declared as DuckDB writes them. Where they differ, dbt's own
    comparison decides, and says what is wrong.
-#}
{% macro duckdb__get_assert_columns_equivalent(sql) -%}
    {%- set found, declared = [], [] -%}
    {%- for column in get_column_schema_from_query(sql, none) -%}
    {%- do found.append(column.name ~ " " ~ column.dtype | lower) -%}
    {%- endfor -%}
    {%- for column in model.columns.values() -%}
    {%- do declared.append(column.name ~ " " ~ column.data_type | lower) -%}
    {%- endfor -%}
    {%- if found | sort != declared | sort -%}
    {{- assert_columns_equivalent(sql) -}}
    {%- endif -%}
{%- endmacro %}
