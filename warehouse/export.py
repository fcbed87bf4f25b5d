"""Exports published tables as Parquet or CSV, sorted by key, with a ``datapackage.json``.

Equal tables give equal bytes, so ``diff -r`` compares two runs. Descriptions, types, keys and
licences are read from the published file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal

import duckdb

from warehouse.files import temporary_file
from warehouse.sql import identifier, literal
from warehouse.tables import Column, PublishedTable, attached, published_tables, wanted_tables

__all__ = ["DATA_PACKAGE", "FORMATS", "Format", "export"]

Format = Literal["parquet", "csv"]
FORMATS: tuple[Format, ...] = ("parquet", "csv")
DATA_PACKAGE = "datapackage.json"

_OPTIONS = {
    "parquet": "format parquet, compression zstd, row_group_size 122880",
    "csv": "format csv, header",
}
_MEDIA_TYPES = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv"}
_TYPES = {
    "BOOLEAN": "boolean", "DATE": "date", "DOUBLE": "number", "FLOAT": "number",
    "SMALLINT": "integer", "INTEGER": "integer", "BIGINT": "integer", "HUGEINT": "integer",
    "VARCHAR": "string", "TIMESTAMP": "datetime", "TIMESTAMP WITH TIME ZONE": "datetime",
}  # fmt: skip
_FILE = "published"


def export(
    published_file: Path,
    folder: Path,
    formats: Sequence[Format] = ("parquet",),
    tables: Sequence[str] | None = None,
) -> list[Path]:
    """Write tables of a published warehouse into a folder; existing files are replaced.

    Args:
        published_file: the warehouse.
        folder: folder for ``<table>.parquet``, ``<table>.csv`` and the data package; created if
            needed.
        formats: file formats. In CSV a list is written as JSON and a null as an empty field.
        tables: names, also of other schemas such as ``operations.partition_runs``; None means
            every public table (these contain no times).

    Returns:
        The written files, ``datapackage.json`` last.

    Raises:
        WarehouseError: no warehouse, or an unknown table.
        OSError: the folder cannot be written.
    """
    with attached({_FILE: published_file}) as connection:
        connection.execute("set preserve_insertion_order = true")
        known = published_tables(connection, _FILE)
        chosen = wanted_tables(known, tables)
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for table, form in product(chosen, formats):
            path = folder / f"{table.label}.{form}"
            with temporary_file(path) as temporary:
                connection.execute(
                    f"copy ({_rows(table, form)}) to {literal(temporary)} ({_OPTIONS[form]})"
                )
                temporary.replace(path)
            written.append(path)
        package = _package(connection, known, chosen, formats)
    target = folder / DATA_PACKAGE
    text = json.dumps(package, indent=2, ensure_ascii=False)
    target.write_text(f"{text}\n", encoding="utf-8")
    return [*written, target]


def _rows(table: PublishedTable, form: Format) -> str:
    columns = [
        f"to_json({identifier(column.name)}) as {identifier(column.name)}"
        if form == "csv" and column.data_type.endswith("[]")
        else identifier(column.name)
        for column in table.columns
    ]
    order = ", ".join(map(identifier, table.key)) or "all"
    return f"select {', '.join(columns)} from {table.within(_FILE)} order by {order}"


def _package(
    connection: duckdb.DuckDBPyConnection,
    known: Mapping[str, PublishedTable],
    chosen: Sequence[PublishedTable],
    formats: Sequence[Format],
) -> dict[str, Any]:
    """Descriptor of the exported files in the Data Package standard (v2)."""
    exported = {table.label for table in chosen}
    parents = {
        table.key[0]: table
        for table in chosen
        if table.name.startswith("dim_") and len(table.key) == 1
    }
    resources = []
    for table, form in product(chosen, formats):
        schema: dict[str, Any] = {"fields": [_field(column, form) for column in table.columns]}
        if table.key:
            schema["primaryKey"] = list(table.key)
        links = [
            {
                "fields": [column],
                "reference": {"resource": _resource(parent, form, formats), "fields": [column]},
            }
            for column, parent in parents.items()
            if parent is not table and _refers(connection, table, column, parent)
        ]
        if links:
            schema["foreignKeys"] = links
        resources.append(
            {
                "name": _resource(table, form, formats),
                "type": "table",
                "path": f"{table.label}.{form}",
                "format": form,
                "mediatype": _MEDIA_TYPES[form],
                **({"encoding": "utf-8"} if form == "csv" else {}),
                "description": table.description,
                "schema": schema,
            }
        )
    package: dict[str, Any] = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "factroots",
        "title": "factroots: where the facts that multilingual language models know come from",
        "description": f"{len(exported)} tables, in the order of their keys.",
    }
    if "operations.materials" in known:
        package |= _materials(connection)
    return {**package, "resources": resources}


def _resource(table: PublishedTable, form: Format, formats: Sequence[Format]) -> str:
    """Unique name of a resource: it contains the format if there are two formats."""
    return f"{table.label}.{form}" if len(formats) > 1 else table.label


def _field(column: Column, form: Format) -> dict[str, Any]:
    kind = "array" if column.data_type.endswith("[]") else _TYPES.get(column.data_type, "any")
    field: dict[str, Any] = {"name": column.name, "type": kind, "description": column.description}
    if kind == "datetime" and form == "csv":
        field["format"] = "any"
    if column.is_required:
        field["constraints"] = {"required": True}
    return field


def _refers(
    connection: duckdb.DuckDBPyConnection,
    table: PublishedTable,
    column: str,
    parent: PublishedTable,
) -> bool:
    """Whether every value of the column has a row in the parent table."""
    if column not in (own.name for own in table.columns):
        return False
    name = identifier(column)
    [(orphans,)] = connection.execute(
        f"""select count(*) from (
                select distinct {name} from {table.within(_FILE)} where {name} is not null
            ) as child anti join {parent.within(_FILE)} as parent using ({name})"""
    ).fetchall()
    return bool(orphans == 0)


def _materials(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Sources of the tables, and their licences."""
    rows = connection.execute(
        f"""select material_code, title, licence_code, licence_url
            from {_FILE}.operations.materials order by all"""
    ).fetchall()
    licences = {
        code: {"name": code, "path": url, "title": f"licence of tables derived from {title}"}
        for _, title, code, url in reversed(rows)
        if code is not None
    }
    sources = [
        {"title": f"{kind}: {title} ({licence or 'licence not known'})"}
        for kind, title, licence, _ in rows
    ]
    return {"sources": sources, **({"licenses": list(licences.values())} if licences else {})}
