"""Writes ``warehouse/DATA_DICTIONARY.md`` from dbt's manifest (``make generate``).

The descriptions come from dbt's yml files; the published file has the same ones as comments. The
page is in git, so that it can be read without a run; a test fails when it is stale.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster_project.dbt.build_state import READS_ALL_PARTS
from dagster_project.dbt.project import parse
from dagster_project.paths import PROJECT
from warehouse.publish import OWN_TABLES

__all__ = ["DICTIONARY_FILE", "render_dictionary"]

DICTIONARY_FILE = PROJECT / "warehouse" / "DATA_DICTIONARY.md"

_HEADER = """\
# Data dictionary

Generated from the descriptions in `dbt/models/marts` by `make generate`; do not edit.
The same descriptions are comments in every published file: `select * from duckdb_columns()`.
*From* names the lake tables and published tables that a table is computed from.
"""


def render_dictionary(manifest: Mapping[str, Any]) -> str:
    """Renders the page: all published tables by subject, then each with its columns.

    Args:
        manifest: dbt's ``manifest.json``.
    """
    marts = {
        identifier: node
        for identifier, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["fqn"][1] == "marts"
    }
    groups: dict[str, list[str]] = {}
    for identifier in sorted(marts, key=lambda each: marts[each]["name"]):
        groups.setdefault(marts[identifier]["fqn"][2], []).append(identifier)
    lines = [_HEADER]
    for group in sorted(groups):
        names = [marts[identifier]["name"] for identifier in groups[group]]
        names += OWN_TABLES if group == "operations" else ()
        lines.append(f"- **{group}**: " + ", ".join(f"[{name}](#{name})" for name in names))
    for group in sorted(groups):
        for identifier in groups[group]:
            lines += ["", *_table(manifest, marts, identifier)]
    for name in OWN_TABLES:
        lines += ["", *_own_table(name)]
    return "\n".join(lines) + "\n"


def _table(manifest: Mapping[str, Any], marts: Mapping[str, Any], identifier: str) -> list[str]:
    node = marts[identifier]
    keys = [rule["columns"] for rule in node["constraints"] if rule["type"] == "primary_key"]
    schema = node["config"]["schema"]
    origins = ", ".join(f"`{name}`" for name in sorted(_origins(manifest, marts, identifier)))
    sources = f" From: {origins}." if origins else ""
    return [
        f"## {node['name']}",
        "",
        _line(node["description"]),
        "",
        *([f"In the schema `{schema}`."] if schema else []),
        f"Key: {', '.join(f'`{column}`' for key in keys for column in key)}.{sources}",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
        *(
            f"| `{column['name']}` | {column['data_type']} | {_line(column['description'])} |"
            for column in node["columns"].values()
        ),
    ]


def _own_table(name: str) -> list[str]:
    """Renders a table that dbt does not make: publishing adds it."""
    description, columns = OWN_TABLES[name]
    return [
        f"## {name}",
        "",
        description,
        "",
        "In the schema `operations`. Publishing adds it.",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
        *(f"| `{column}` | {kind} | {_line(text)} |" for column, (kind, text) in columns.items()),
    ]


def _origins(manifest: Mapping[str, Any], marts: Mapping[str, Any], identifier: str) -> set[str]:
    """Finds the sources, seeds and marts that a model reads, directly or through other models."""
    depends_on = manifest["nodes"][identifier]["depends_on"]
    found = {"the footers of all lake tables"} if READS_ALL_PARTS in depends_on["macros"] else set()
    for parent in depends_on["nodes"]:
        if parent in manifest["sources"]:
            found.add(f"lake.{manifest['sources'][parent]['name']}")
        elif parent in marts or manifest["nodes"][parent]["resource_type"] == "seed":
            found.add(str(manifest["nodes"][parent]["name"]))
        else:
            found |= _origins(manifest, marts, parent)
    return found


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Parses the dbt project and writes the page."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = json.loads(parse(Path(folder)).read_text(encoding="utf-8"))
    DICTIONARY_FILE.write_text(render_dictionary(manifest), encoding="utf-8")


if __name__ == "__main__":
    main()
