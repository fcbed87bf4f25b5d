"""Describes the published tables for the terminal: rows, key, joins, and what each column means.

The words are the comments of the published file, which come from ``dbt/models/marts``. What does
not belong here: rows (``warehouse.query``), and the dictionary of all tables
(``dagster_project.dbt.generate_dictionary``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
from rich.markup import escape
from rich.table import Table

from warehouse.tables import (
    PublishedTable,
    attached,
    joins,
    published_tables,
    wanted_tables,
)

__all__ = ["describe_table", "list_tables"]

_FILE = "published"


def list_tables(published_file: Path) -> Table:
    """Build a table of all published tables and views: rows, key, and what a row is.

    Raises:
        WarehouseError: no warehouse yet, or the file cannot be read.
    """
    with attached({_FILE: published_file}) as connection:
        found = Table("table", title_justify="left", title="Tables of the published file")
        found.add_column("rows", justify="right")
        found.add_column("what it has")
        for label, table in published_tables(connection, _FILE).items():
            found.add_row(label, f"{_row_count(connection, table):,}", _first(table.description))
        return found


def describe_table(published_file: Path, name: str) -> tuple[list[str], Table]:
    """Describe a published table or view.

    Args:
        published_file: the warehouse.
        name: as in a query, with the schema unless that is the public one.

    Returns:
        Sentences about the table; its columns with type and meaning.

    Raises:
        WarehouseError: no warehouse yet, or no such table; the message suggests close matches.
    """
    with attached({_FILE: published_file}) as connection:
        tables = published_tables(connection, _FILE)
        [table] = wanted_tables(tables, [name])
        rows = _row_count(connection, table)
    kind = "View" if table.is_view else "Table"
    lines = [f"{kind} {table.label}: {table.description}", f"Rows: {rows:,}."]
    if table.key:
        lines.append(f"Key: {', '.join(table.key)}.")
    lines += _join_lines(table, tables)
    columns = Table("column", "type", "meaning")
    for column in table.columns:
        required = " not null" if column.is_required else ""
        columns.add_row(column.name, f"{column.data_type}{required}", escape(column.description))
    return lines, columns


def _join_lines(table: PublishedTable, tables: Mapping[str, PublishedTable]) -> list[str]:
    found = joins(table, tables.values())
    if not found:
        return []
    shown = (f"{parent.label} using ({', '.join(parent.key)})" for parent in found)
    return [f"Joins: {'; '.join(shown)}."]


def _row_count(connection: duckdb.DuckDBPyConnection, table: PublishedTable) -> int:
    query = f"select count(*) from {table.within(_FILE)}"
    [(count,)] = connection.execute(query).fetchall()
    return int(count)


def _first(description: str) -> str:
    """Beginning of a description, up to its first colon or full stop."""
    return escape(description.split(". ")[0].split(": ")[0].rstrip("."))
