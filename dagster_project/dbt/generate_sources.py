"""Writes ``dbt/models/sources.yml`` from the lake contract (``make generate``).

The file is in git, so that dbt runs alone and reviewers see it; a test fails when it is stale.
"""

from __future__ import annotations

from typing import Any

import yaml

from dagster_project.paths import DBT_PROJECT
from ingestion.contract import LAKE, LakeTable

__all__ = ["SOURCES_FILE", "render_sources"]

SOURCES_FILE = DBT_PROJECT / "models" / "sources.yml"

_HEADER = """\
# Generated from the lake contract (ingestion/contract.py) by `make generate`; do not edit.
# external_location is rendered twice: by Jinja, which escapes the lake's path for SQL, for globs
# and for str.format, and then by dbt-duckdb's str.format, which puts in the table's name.
"""
_LOCATION = (
    """read_parquet('{{ var("lake")"""
    """ | replace("[", "[[]") | replace("*", "[*]") | replace("?", "[?]") | replace("'", "''")"""
    """ | replace("{", "{{") | replace("}", "}}") }}"""
    """/{name}/**/*.parquet', hive_partitioning=false, union_by_name=true)"""
)


def render_sources() -> str:
    """The dbt source ``lake``: one table per lake table, with its descriptions and its asset."""
    source = {
        "name": "lake",
        "description": "Sealed Parquet parts, one folder per table.",
        "config": {"meta": {"external_location": _LOCATION}},
        "tables": [_table(table) for table in LAKE.values()],
    }
    document = {"version": 2, "sources": [source]}
    return _HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _table(table: LakeTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "description": table.description,
        "config": {"meta": {"dagster": {"asset_key": ["lake", table.name]}}},
        "columns": [
            {"name": column.name, "description": column.description} for column in table.columns
        ],
    }


if __name__ == "__main__":
    SOURCES_FILE.write_text(render_sources(), encoding="utf-8")
