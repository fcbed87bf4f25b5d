"""Compares two published files: rows added, removed and changed, per table and by key.

Tables, columns and keys are read from the files. By default only public tables are compared,
because those in ``operations`` contain times.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from rich.markup import escape
from rich.table import Table

from ingestion.errors import printable
from warehouse.sql import identifier
from warehouse.tables import (
    PublishedTable,
    WarehouseError,
    attached,
    published_tables,
    wanted_tables,
)

__all__ = ["ChangedRow", "TableDiff", "diff", "diff_json", "diff_tables"]

_SHOWN = 5
_FLOATS = ("DOUBLE", "FLOAT")
_OLD, _NEW = "old", "new"


@dataclass(frozen=True)
class ChangedRow:
    """One row that differs."""

    change: str
    """'added', 'removed' or 'changed'."""
    key: dict[str, Any]
    """Key of the row; all of its columns if the table has no key."""
    values: dict[str, tuple[Any, Any]]
    """Columns that differ, with old and new value; empty for added and removed rows."""


@dataclass(frozen=True)
class TableDiff:
    """Differences in one table."""

    table: str
    """Name of the table."""
    note: str | None = None
    """Differences in structure, such as a table or column that is in one file only."""
    old_count: int = 0
    """Rows in the first file."""
    new_count: int = 0
    """Rows in the second file."""
    added_count: int = 0
    """Keys in the second file only."""
    removed_count: int = 0
    """Keys in the first file only."""
    changed_count: int = 0
    """Keys in both files with different values in other columns."""
    changed_columns: dict[str, int] = field(default_factory=dict)
    """Number of changed rows per column."""
    rows: tuple[ChangedRow, ...] = ()
    """First rows by key: removed, then added, then changed."""

    @property
    def is_different(self) -> bool:
        """Whether the table differs in anything."""
        return bool(self.note or self.added_count or self.removed_count or self.changed_count)


def diff(
    old: Path,
    new: Path,
    tolerance: float = 0.0,
    tables: Sequence[str] | None = None,
    shown: int = _SHOWN,
) -> list[TableDiff]:
    """Compare two warehouses, table by table.

    Args:
        old: first published file, or a study's folder with one.
        new: second published file, or a study's folder with one.
        tolerance: finite floats a and b are equal if abs(a − b) ≤ tolerance · max(1, abs(a),
            abs(b)). Other floats are equal to themselves only.
        tables: names; None compares every table of both files.
        shown: rows of each kind to return per table.

    Returns:
        One entry per table, sorted by name, including equal tables.

    Raises:
        WarehouseError: a file is missing or is not a warehouse, a table is in neither file, or
            the tolerance is no finite number from 0.
    """
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise WarehouseError(f"the tolerance is a finite number from 0, not {tolerance}")
    with attached({_OLD: old, _NEW: new}) as connection:
        before, after = (published_tables(connection, name) for name in (_OLD, _NEW))
        labels = sorted(table.label for table in wanted_tables({**before, **after}, tables))
        return [
            _compare(connection, before.get(label), after.get(label), tolerance, shown)
            for label in labels
        ]


def _compare(
    connection: duckdb.DuckDBPyConnection,
    before: PublishedTable | None,
    after: PublishedTable | None,
    tolerance: float,
    shown: int,
) -> TableDiff:
    if before is None or after is None:
        if after is not None:
            rows = _count(connection, after, _NEW)
            return TableDiff(after.label, "in the second file only", new_count=rows)
        assert before is not None
        rows = _count(connection, before, _OLD)
        return TableDiff(before.label, "in the first file only", old_count=rows)
    counts = _count(connection, before, _OLD), _count(connection, after, _NEW)
    types = {column.name: column.data_type for column in before.columns}
    new_types = {column.name: column.data_type for column in after.columns}
    common = [name for name in types if name in new_types]
    notes = [
        f"{what}: {', '.join(names)}"
        for what, names in (
            ("columns in the first file only", [n for n in types if n not in new_types]),
            ("columns in the second file only", [n for n in new_types if n not in types]),
            ("columns of another type", [n for n in common if types[n] != new_types[n]]),
            ("another key", list(after.key) if set(before.key) != set(after.key) else []),
        )
        if names
    ]
    key = list(after.key) if set(after.key) <= set(common) and before.key else []
    joined = _Joined(connection, before, after, key or common, common, types, tolerance)
    removed, added = joined.lacking(_OLD, shown), joined.lacking(_NEW, shown)
    changed = joined.changed(shown) if key else (0, {}, [])
    return TableDiff(
        after.label,
        "; ".join(notes) or None,
        *counts,
        added_count=added[0],
        removed_count=removed[0],
        changed_count=changed[0],
        changed_columns=changed[1],
        rows=(*removed[1], *added[1], *changed[2]),
    )


def _count(connection: duckdb.DuckDBPyConnection, table: PublishedTable, catalogue: str) -> int:
    [(count,)] = connection.execute(f"select count(*) from {table.within(catalogue)}").fetchall()
    return int(count)


class _Joined:
    """Two versions of a table, joined on the key."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        before: PublishedTable,
        after: PublishedTable,
        key: list[str],
        common: list[str],
        types: dict[str, str],
        tolerance: float,
    ) -> None:
        self._connection = connection
        self._sides = {_OLD: before.within(_OLD), _NEW: after.within(_NEW)}
        self._key = key
        self._differs = {
            name: _differs(name, types[name], tolerance) for name in common if name not in key
        }

    def lacking(self, side: str, shown: int) -> tuple[int, list[ChangedRow]]:
        """Number of keys that only one side has, and the first of them."""
        other = _NEW if side == _OLD else _OLD
        match = " and ".join(
            f"a.{k} is not distinct from b.{k}" for k in map(identifier, self._key)
        )
        keys = ", ".join(f"a.{k}" for k in map(identifier, self._key))
        source = f"from {self._sides[side]} as a anti join {self._sides[other]} as b on {match}"
        [(count,)] = self._connection.execute(f"select count(*) {source}").fetchall()
        rows = (
            self._connection.execute(
                f"select {keys} {source} order by {keys} limit {shown}"
            ).fetchall()
            if count
            else []
        )
        change = "removed" if side == _OLD else "added"
        return count, [
            ChangedRow(change, dict(zip(self._key, row, strict=True)), {}) for row in rows
        ]

    def changed(self, shown: int) -> tuple[int, dict[str, int], list[ChangedRow]]:
        """Number of keys with changed values, changed rows per column, and the first rows."""
        if not self._differs:
            return 0, {}, []
        names = list(self._differs)
        using = ", ".join(map(identifier, self._key))
        source = (
            f"from {self._sides[_OLD]} as a inner join {self._sides[_NEW]} as b using ({using}) "
            f"where {' or '.join(self._differs.values())}"
        )
        sums = ", ".join(f"count(*) filter ({test})" for test in self._differs.values())
        [(count, *counts)] = self._connection.execute(
            f"select count(*), {sums} {source}"
        ).fetchall()
        if not count:
            return 0, {}, []
        values = ", ".join(
            f"a.{identifier(name)}, b.{identifier(name)}, {test}"
            for name, test in self._differs.items()
        )
        rows = self._connection.execute(
            f"select {using}, {values} {source} order by {using} limit {shown}"
        ).fetchall()
        width = len(self._key)
        found = [
            ChangedRow(
                "changed",
                dict(zip(self._key, row[:width], strict=True)),
                {
                    name: (row[place], row[place + 1])
                    for place, name in zip(range(width, len(row), 3), names, strict=True)
                    if row[place + 2]
                },
            )
            for row in rows
        ]
        return count, {n: c for n, c in zip(names, counts, strict=True) if c}, found


def _differs(name: str, data_type: str, tolerance: float) -> str:
    a, b = f"a.{identifier(name)}", f"b.{identifier(name)}"
    test = f"({a} is distinct from {b})"
    if tolerance and data_type in _FLOATS:
        # NaN and infinity are equal to themselves only: for DuckDB, NaN is the largest number.
        near = (
            f"isfinite({a}) and isfinite({b}) "
            f"and abs({a} - {b}) <= {tolerance!r} * greatest(1, abs({a}), abs({b}))"
        )
        return f"({test} and not coalesce({near}, false))"
    return test


def diff_json(found: Sequence[TableDiff]) -> str:
    """Format the comparison as one JSON object, with every table."""
    document = {
        "is_different": any(table.is_different for table in found),
        "tables": [{**asdict(table), "is_different": table.is_different} for table in found],
    }
    return json.dumps(document, ensure_ascii=False, default=str)


def diff_tables(found: Sequence[TableDiff]) -> list[Table]:
    """Format the comparison for the terminal: counts per different table, then its first rows."""
    different = [table for table in found if table.is_different]
    if not different:
        return []
    overview = Table(title="Tables that differ", title_justify="left")
    overview.add_column("table")
    for column in ("rows before", "after", "removed", "added", "changed"):
        overview.add_column(column, justify="right")
    overview.add_column("changed columns (rows) and other differences")
    for entry in different:
        columns = ", ".join(f"{name} ({count:,})" for name, count in entry.changed_columns.items())
        overview.add_row(
            entry.table,
            *(f"{n:,}" for n in (entry.old_count, entry.new_count, entry.removed_count)),
            f"{entry.added_count:,}",
            f"{entry.changed_count:,}",
            escape("; ".join(filter(None, (entry.note, columns)))),
        )
    return [overview, *(_rows_table(entry) for entry in different if entry.rows)]


def _rows_table(entry: TableDiff) -> Table:
    table = Table(title=f"{entry.table}: the first rows that differ", title_justify="left")
    for column in ("", "key", "before → after"):
        table.add_column(column)
    styles = {"removed": "red", "added": "green", "changed": "yellow"}
    for row in entry.rows:
        key = ", ".join(f"{name}={value}" for name, value in row.key.items())
        values = "\n".join(f"{n}: {old} → {new}" for n, (old, new) in row.values.items())
        change = f"[{styles[row.change]}]{row.change}[/]"
        table.add_row(change, *(escape(printable(text)) for text in (key, values)))
    return table
