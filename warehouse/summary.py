"""Reads the results and notes that a run prints at its end from the published file."""

from __future__ import annotations

from pathlib import Path

import duckdb
from rich.table import Table

from warehouse.connection import opened
from warehouse.questions import QUERIES

__all__ = ["published_notes", "read_notes", "summary_tables"]

_SUMMARY = QUERIES / "summary"
_NOTES = QUERIES / "notes"
_ORDER = (
    "p_at_1",
    "p_at_1_by_presence",
    "transfer_effect",
    "tracing_accuracy",
    "fact_types",
    "roots",
    "neuron_overlaps",
    "edit_effects",
)
"""Queries in the order of the terminal; a query without rows is not shown."""


def summary_tables(published_file: Path) -> list[Table]:
    """Build tables of results for the terminal; a table without rows is omitted.

    Raises:
        duckdb.Error: the file cannot be read.
    """
    with opened(published_file) as file:
        tables = [_table(file.connection, name) for name in _ORDER]
    return [table for table in tables if table.row_count]


def read_notes(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Read what a reader must know about the numbers: one sentence or two per note.

    Raises:
        duckdb.Error: a table is missing.
    """
    queries = [path.read_text(encoding="utf-8") for path in sorted(_NOTES.glob("*.sql"))]
    return [str(note) for query in queries for (note,) in connection.execute(query).fetchall()]


def published_notes(published_file: Path) -> list[str]:
    """Read the notes of a published file.

    Raises:
        duckdb.Error: the file cannot be read.
    """
    with opened(published_file) as file:
        return read_notes(file.connection)


def _table(connection: duckdb.DuckDBPyConnection, name: str) -> Table:
    title, query = (_SUMMARY / f"{name}.sql").read_text(encoding="utf-8").split("\n", 1)
    table = Table(title=title.removeprefix("-- "), title_justify="left")
    result = connection.execute(query)
    rows = result.fetchall()
    for (column, *_), value in zip(result.description, rows[0] if rows else (), strict=False):
        justify = "left" if isinstance(value, str) else "right"
        # Folded, not cut, where a terminal is narrow.
        table.add_column(column.replace("_", " "), justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(_text(value) for value in row))
    return table


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)
