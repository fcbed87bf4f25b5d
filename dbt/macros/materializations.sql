{#-
    dbt's own materializations write a model under another name, rename it and drop the old one, each
    by statements of their own. DuckDB can drop the old one first, in the transaction that makes the new
    one. Each statement costs dbt about as much as a small mart itself, so key, preview and comments of a
    mart are one; marts are the models with persist_docs. Not here, because no model has them: grants,
    indexes, hooks.
-#}
{% materialization table, adapter="duckdb" -%}
    {{- return(replaced_relation("table")) -}}
{%- endmaterialization %}

{% materialization view, adapter="duckdb" -%}
    {{- return(replaced_relation("view")) -}}
{%- endmaterialization %}

{% macro replaced_relation(type) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set relation = this.incorporate(type=type) -%}
    {%- if existing is not none -%}
    {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement("main") -%}
    {{ create_table_as(False, relation, compiled_code) if type == "table" else create_view_as(relation, compiled_code) }}
    {%- endcall -%}
    {%- if config.persist_relation_docs() -%}
    {%- call statement("finish") -%}
    {{ add_key(relation, model) }}
    {{ preview(relation, model) }}
    {{ comments(relation, model) }}
    {%- endcall -%}
    {%- endif -%}
    {%- do adapter.commit() -%}
    {{- return({"relations": [relation]}) -}}
{%- endmacro %}

{#-
    Comments on a relation and its columns. dbt's persist_docs asks for the columns first; here the
    contract of the model says that they are there.
-#}
{% macro comments(relation, model) -%}
    comment on {{ relation.type }} {{ relation }} is {{ duckdb_escape_comment(model.description) }};
    {%- for name, column in model.columns.items() %}
    comment on column {{ relation }}.{{ adapter.quote(name) }} is {{ duckdb_escape_comment(column.description) }};
    {%- endfor %}
{%- endmacro %}
