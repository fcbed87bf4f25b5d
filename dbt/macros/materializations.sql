{#-
    dbt's own materializations write a model under another name, rename it and drop the old one, each
    by statements of their own, between statements that begin and commit. Each statement costs dbt about as
    much as a small mart itself, so here all of them are one: the old relation is dropped in the
    transaction that makes the new one, with key, preview and comments where it is a mart; marts are the
    models with persist_docs. If it fails, dbt closes the connection, and DuckDB takes everything back. Not
    here, because no model has them: grants, indexes, hooks.
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
    {%- call statement("main", auto_begin=False) -%}
    begin;
    {% if existing is not none -%}
    drop {{ existing.type }} {{ existing }} cascade;
    {%- endif %}
    {{ create_table_as(False, relation, compiled_code) if type == "table" else create_view_as(relation, compiled_code) }}
    {% if config.persist_relation_docs() -%}
    {{ add_key(relation, model) }}
    {{ preview(relation, model) }}
    {{ comments(relation, model) }}
    {%- endif %}
    commit;
    {%- endcall -%}
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
