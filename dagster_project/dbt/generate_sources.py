"""Writes what dbt repeats of the lake contract: sources and staging models (``make generate``).

The files are in git, so that dbt runs alone and reviewers see them; a test fails when one is stale.
Does not belong here: a staging model that does more than cast. Those are written by hand, in
``dbt/models/staging``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dagster_project.defs.asset_specs import sql_type
from dagster_project.paths import DBT_PROJECT
from ingestion.contract import LAKE, LakeTable

__all__ = ["SOURCES_FILE", "STAGING", "render_sources", "render_staging", "write"]

SOURCES_FILE = DBT_PROJECT / "models" / "sources.yml"
STAGING = DBT_PROJECT / "models" / "staging" / "generated"

_WRITTEN_BY_HAND = {"models"}
"""Tables whose staging model does more than cast."""
_HEADER = "Generated from the lake contract (ingestion/contract) by `make generate`; do not edit."
_SOURCES_HEADER = f"""\
# {_HEADER}
# external_location is rendered twice: by Jinja, which escapes the lake's path for SQL, for globs
# and for str.format, and then by dbt-duckdb's str.format, which puts in the table's name.
"""
_LOCATION = (
    """read_parquet('{{ var("lake")"""
    """ | replace("[", "[[]") | replace("*", "[*]") | replace("?", "[?]") | replace("'", "''")"""
    """ | replace("{", "{{") | replace("}", "}}") }}"""
    """/{name}/**/*.parquet', hive_partitioning=false, union_by_name=true)"""
)
_MODEL = """\
-- {header}
with source as (
    select * from {{{{ source('lake', '{name}') }}}}
),

final as (
    select
{columns}
    from source
)

select * from final
"""


def render_sources() -> str:
    """The dbt source ``lake``: one table per lake table, with its descriptions and its asset."""
    source = {
        "name": "lake",
        "description": "Sealed Parquet parts, one folder per table.",
        "config": {"meta": {"external_location": _LOCATION}},
        "tables": [_source(table) for table in LAKE.values()],
    }
    return _SOURCES_HEADER + _yaml({"version": 2, "sources": [source]})


def render_staging() -> dict[Path, str]:
    """File → text of the staging models that only cast, and of the yml that describes them."""
    tables = [table for name, table in LAKE.items() if name not in _WRITTEN_BY_HAND]
    files = {STAGING / f"stg_lake__{table.name}.sql": _model(table) for table in tables}
    models = [
        {
            "name": f"stg_lake__{table.name}",
            "description": f"{table.description} The columns are those of the lake, cast.",
        }
        for table in tables
    ]
    files[STAGING / "generated.yml"] = f"# {_HEADER}\n" + _yaml({"version": 2, "models": models})
    return files


def write() -> None:
    """Write all files, and remove staging models whose table is gone."""
    SOURCES_FILE.write_text(render_sources(), encoding="utf-8")
    files = render_staging()
    for stale in set(STAGING.iterdir()) - set(files):
        stale.unlink()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")


def _source(table: LakeTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "description": table.description,
        "config": {"meta": {"dagster": {"asset_key": ["lake", table.name]}}},
        "columns": [
            {"name": column.name, "description": column.description} for column in table.columns
        ],
    }


def _model(table: LakeTable) -> str:
    columns = (
        f"        {field.name}::{sql_type(field.type)} as {field.name}," for field in table.schema
    )
    return _MODEL.format(header=_HEADER, name=table.name, columns="\n".join(columns))


def _yaml(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


if __name__ == "__main__":
    write()
