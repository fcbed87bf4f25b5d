"""Says why a published table has no rows: which block of the study file would fill it.

dbt's manifest knows which lake tables a published table is computed from, and each step which block
asks for it. Where the manifest is gone, as after deleting ``build``, no block is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from dagster_project.dbt.project import read_manifest
from dagster_project.steps.registry import STEP_OF_TABLE
from dagster_project.study.home import Home
from warehouse.opened import Warehouse
from warehouse.tables import PUBLIC_SCHEMA

__all__ = ["why_empty"]


def why_empty(home: Home, names: Iterable[str]) -> list[str]:
    """Explains each of these published tables that has no rows at all.

    Raises:
        WarehouseError: the published file cannot be read.
    """
    with Warehouse(home.published_file) as file:
        tables = {name: table for name, table in file.tables.items() if not table.is_view}
        empty = [
            name
            for name in sorted(set(names) & tables.keys())
            if not file.sql(f"from {name} limit 1").fetchall()
        ]
        if not empty:
            return []
        overview = file.sql("select distinct lake_table from study_overview")
        computed = {name for (name,) in overview.fetchall()}
    sources = _lake_tables(home)
    # Verdicts, aliases and so on: answers have rows without them.
    computed |= sources.get("fct_predictions", set())
    return [_sentence(name, sources.get(name, set()) - computed) for name in empty]


def _sentence(name: str, lacking: Iterable[str]) -> str:
    steps = (STEP_OF_TABLE[table] for table in lacking if table in STEP_OF_TABLE)
    blocks = sorted({step.block for step in steps if step.block})
    if not blocks:
        return f"{name} has no row in this study."
    return (
        f"{name} is empty. Of the blocks that fill it, the study lacks {' and '.join(blocks)} "
        "(docs/study-file.md)."
    )


def _lake_tables(home: Home) -> dict[str, set[str]]:
    """Published table → lake tables that it is computed from, directly or not."""
    try:
        manifest = read_manifest(home.dbt_target / "manifest.json")
    except (OSError, ValueError):
        return {}
    parents = manifest["parent_map"]

    @cache
    def above(node: str) -> frozenset[str]:
        own = frozenset(parents.get(node, ()))
        return own.union(*map(above, own))

    return {
        f"{node['schema']}.{node['name']}".removeprefix(f"{PUBLIC_SCHEMA}."): {
            each.rpartition(".")[2] for each in above(identifier) if each.startswith("source.")
        }
        for identifier, node in manifest["nodes"].items()
    }
