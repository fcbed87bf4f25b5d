"""Column lineage of the dbt models: which columns each column is computed from.

dbt compiles the models; sqlglot follows each column to the models and lake tables that are read.
Compiling takes most of the time. All depends only on the dbt project, so the result is kept next to
the manifest. Only Dagster's UI shows it, and nothing waits for it
(``dagster_project.cli.lineage_ahead``).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dagster_project.dbt.project import compile_models, dbt_fingerprint, read_manifest
from dagster_project.study.home import Home
from ingestion.errors import first_line
from ingestion.files import temporary_file

__all__ = ["Lineage", "kept_lineage", "prepare_lineage", "read_lineage"]

LOG = logging.getLogger("factroots")

Lineage = dict[str, dict[str, list[tuple[str, str]]]]
"""dbt's id of a model → its columns → id and column of what each is computed from."""

_VERSION = "1"
"""Raise it when the code below gives another lineage for the same SQL."""


def kept_lineage(home: Home, manifest: Mapping[str, Any]) -> Lineage:
    """Returns the column lineage if it takes seconds at most; empty if the models are not compiled.

    Args:
        home: the study's output folder, which keeps the lineage.
        manifest: dbt's manifest of the study. After a build of all models it has their SQL.
    """
    if (found := _kept(home)) is None:
        if not all("compiled_code" in node for node in _models(manifest)):
            return {}
        found = _read_and_keep(home, manifest)
    return found


def prepare_lineage(home: Home) -> Lineage:
    """Returns the column lineage of the dbt project; compiles its models if that changed.

    Raises:
        DbtError: the project does not compile; with dbt's message.
    """
    if (found := _kept(home)) is None:
        found = _read_and_keep(home, read_manifest(compile_models(home.build / "lineage")))
    return found


def _file(home: Home) -> Path:
    return home.build / "column_lineage.json"


def _version() -> str:
    return f"{_VERSION} {dbt_fingerprint()}"


def _kept(home: Home) -> Lineage | None:
    kept = _file(home)
    if kept.exists():
        try:
            found = json.loads(kept.read_text(encoding="utf-8"))
            if found["version"] == _version():
                return _from_json(found["lineage"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            LOG.warning("%s is damaged, and is made again: %r", kept, error)
    return None


def _read_and_keep(home: Home, manifest: Mapping[str, Any]) -> Lineage:
    started = time.perf_counter()
    lineage = read_lineage(manifest)
    # Two processes of one `factroots ui` may do this at the same time.
    with temporary_file(_file(home)) as temporary:
        content = {"version": _version(), "lineage": lineage}
        temporary.write_text(json.dumps(content), encoding="utf-8")
        temporary.replace(_file(home))
    seconds = time.perf_counter() - started
    LOG.info("column lineage of %d dbt models read, %.1f s", len(lineage), seconds)
    return lineage


def read_lineage(manifest: Mapping[str, Any]) -> Lineage:
    """Finds, for each column of each model, the columns that its value is computed from.

    Only direct parents count. Columns used only to join, filter or group do not count, so a count
    of rows is computed from no column.

    Args:
        manifest: dbt's ``manifest.json`` after ``dbt compile``.
    """
    # Takes a second to import.
    from sqlglot import MappingSchema
    from sqlglot.errors import SqlglotError

    schema = MappingSchema(dialect="duckdb")
    owners: dict[tuple[str, str], str] = {}
    for identifier, source in manifest["sources"].items():
        owners[source["source_name"], source["name"]] = identifier
        _add(schema, (source["source_name"], source["name"]), source["columns"])
    lineage: Lineage = {}
    for identifier in _in_order(manifest):
        node = manifest["nodes"][identifier]
        place = node["schema"], node["name"]
        if node["resource_type"] == "seed":
            columns = list(node["columns"])
        else:
            try:
                lineage[identifier] = _columns(node["compiled_code"], schema, owners)
            except (SqlglotError, ValueError, LookupError) as error:
                # It is only shown: without it, everything else of the location still works.
                LOG.warning("%s has no column lineage: %s", node["name"], first_line(error)[:200])
                lineage[identifier] = {column: [] for column in node["columns"]}
            columns = list(lineage[identifier])
        owners[place] = identifier
        _add(schema, place, columns)
    return lineage


def _models(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def _from_json(lineage: Mapping[str, Mapping[str, list[list[str]]]]) -> Lineage:
    return {
        model: {
            column: [(parent, name) for parent, name in origins]
            for column, origins in columns.items()
        }
        for model, columns in lineage.items()
    }


def _in_order(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yields models and seeds, each after those that it reads."""
    done: set[str] = set()

    def visit(identifier: str) -> Iterator[str]:
        if identifier in done or identifier not in manifest["nodes"]:
            return
        done.add(identifier)
        node = manifest["nodes"][identifier]
        for parent in node["depends_on"].get("nodes", ()):
            yield from visit(parent)
        yield identifier

    for identifier, node in manifest["nodes"].items():
        if node["resource_type"] in ("model", "seed"):
            yield from visit(identifier)


def _add(schema: Any, place: tuple[str, str], columns: Any) -> None:
    from sqlglot import exp

    # Lineage does not depend on the type.
    names = dict.fromkeys(columns, "varchar")
    schema.add_table(exp.table_(place[1], db=place[0]), names, dialect="duckdb")


def _columns(
    sql: str, schema: Any, owners: Mapping[tuple[str, str], str]
) -> dict[str, list[tuple[str, str]]]:
    """Column → (parent's id, column) that it is computed from, by one model's compiled SQL."""
    from sqlglot import exp, parse_one
    from sqlglot.lineage import lineage

    query = parse_one(sql, dialect="duckdb")
    for table in query.find_all(exp.Table):
        if (name := _lake_table(table)) is not None:
            table.set("this", exp.to_identifier(name))
            table.set("db", exp.to_identifier("lake"))
        table.set("catalog", None)
    found: dict[str, list[tuple[str, str]]] = {}
    # Trimming would copy each query once per column.
    nodes = lineage(None, query, schema, dialect="duckdb", trim_selects=False, copy=False)
    for column, node in nodes.items():
        origins = set()
        for leaf in node.walk():
            read = leaf.expression
            if leaf.downstream or not isinstance(read, exp.Table):
                continue
            if (owner := owners.get((read.db, read.name))) is not None:
                origins.add((owner, exp.to_column(leaf.name).name))
        found[column] = sorted(origins)
    return found


def _lake_table(table: Any) -> str | None:
    """Name of the lake table that ``read_parquet('…/<name>/**/*.parquet', …)`` reads."""
    from sqlglot import exp

    if not isinstance(table.this, exp.ReadParquet):
        return None
    literal = table.this.find(exp.Literal)
    return literal.this.split("/")[-3] if literal is not None else None
