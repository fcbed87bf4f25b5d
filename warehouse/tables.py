"""Opens a published file read-only and describes its tables, columns and keys from the catalogue.

What does not belong here: reading rows (``query``, ``export``, ``diff``), and any list of table
names, so new tables need no change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import duckdb

from ingestion.errors import FactrootsError
from warehouse.sql import identifier, literal

__all__ = [
    "PUBLIC_SCHEMA",
    "Column",
    "PublishedTable",
    "WarehouseError",
    "attached",
    "joins",
    "known_names",
    "published_tables",
    "wanted_tables",
    "warehouse_file",
]

PUBLIC_SCHEMA = "main"
"""Schema of the tables that are equal in two runs of one study; ``operations`` contains times."""
_KEYS = ("operations", "table_keys")
"""Table with the keys of the tables that have no index."""


class WarehouseError(FactrootsError):
    """A published file cannot be used as asked; the message says what exists and what to do."""


@dataclass(frozen=True)
class Column:
    """A column of a published table."""

    name: str
    """Column name."""
    data_type: str
    """DuckDB type, such as 'VARCHAR' or 'VARCHAR[]'."""
    is_required: bool
    """Whether the column is declared not null."""
    description: str
    """Meaning of the column; empty if the file has no comment on it."""


@dataclass(frozen=True)
class PublishedTable:
    """A table of a published file."""

    schema: str
    """Name of its schema."""
    name: str
    """Name of the table."""
    description: str
    """Meaning of the table, grain first; empty if the file has no comment on it."""
    columns: tuple[Column, ...]
    """Columns in the order of the table."""
    key: tuple[str, ...]
    """Columns that identify a row; empty for a view, and for a table without a primary key."""
    is_view: bool = False
    """Whether it is a view over other tables of the file."""

    @property
    def label(self) -> str:
        """Name as users write it: with the schema unless that is the public one."""
        return self.name if self.schema == PUBLIC_SCHEMA else f"{self.schema}.{self.name}"

    def within(self, catalogue: str) -> str:
        """Quoted name for SQL, within an attached file."""
        return ".".join(map(identifier, (catalogue, self.schema, self.name)))


def warehouse_file(path: Path) -> Path:
    """Find the published file of a path: the file itself, or the one in a study's folder.

    Raises:
        WarehouseError: there is none.
    """
    file = path / "factroots.duckdb" if path.is_dir() else path
    if not file.is_file():
        raise WarehouseError(
            f"{file} does not exist: specify a warehouse, or the folder of a study that was run; "
            "--home or FACTROOTS_HOME says where the folders of studies are"
        )
    return file


@contextmanager
def attached(files: Mapping[str, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory connection with published files attached read-only, each under its name.

    Raises:
        WarehouseError: a file is missing or is not a warehouse, or a query on it fails.
    """
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        try:
            for name, path in files.items():
                source = literal(warehouse_file(path))
                connection.execute(f"attach {source} as {identifier(name)} (read_only)")
            yield connection
        except duckdb.Error as error:
            names = " and ".join(str(path) for path in files.values())
            raise WarehouseError(f"{names}: {error}") from error


def published_tables(
    connection: duckdb.DuckDBPyConnection, catalogue: str
) -> dict[str, PublishedTable]:
    """List all tables and views of an attached file by label, sorted by name, public ones first."""
    columns: dict[tuple[str, str], list[Column]] = {}
    for schema, table, *column in connection.execute(
        """
        select
            schema_name,
            table_name,
            column_name,
            data_type,
            not is_nullable,
            coalesce(comment, ''),
        from duckdb_columns()
        where database_name = ? and not internal
        order by schema_name, table_name, column_index
        """,
        [catalogue],
    ).fetchall():
        columns.setdefault((schema, table), []).append(Column(*column))
    keys = {
        (schema, table): tuple(names)
        for schema, table, names in connection.execute(
            """
            select schema_name, table_name, constraint_column_names
            from duckdb_constraints()
            where database_name = ? and constraint_type = 'PRIMARY KEY'
            """,
            [catalogue],
        ).fetchall()
    }
    if _KEYS in columns:
        name = ".".join(map(identifier, (catalogue, *_KEYS)))
        listed = connection.execute(f"select table_name, key_columns from {name}").fetchall()
        for table, names in listed:
            keys[PUBLIC_SCHEMA, table] = tuple(names)
    found = connection.execute(
        """
        select schema_name, table_name, coalesce(comment, ''), false
        from duckdb_tables()
        where database_name = $1
        union all
        select schema_name, view_name, coalesce(comment, ''), true
        from duckdb_views()
        where database_name = $1 and not internal
        order by schema_name != $2, schema_name, table_name
        """,
        [catalogue, PUBLIC_SCHEMA],
    ).fetchall()
    tables = [
        PublishedTable(
            schema,
            name,
            description,
            tuple(columns[schema, name]),
            keys.get((schema, name), ()),
            is_view,
        )
        for schema, name, description, is_view in found
    ]
    return {table.label: table for table in tables}


def wanted_tables(
    tables: Mapping[str, PublishedTable], names: Sequence[str] | None
) -> list[PublishedTable]:
    """Select tables by label; None selects all tables of the public schema, and no views.

    Raises:
        WarehouseError: unknown table; the message suggests close matches.
    """
    if names is None:
        public = (table for table in tables.values() if table.schema == PUBLIC_SCHEMA)
        return [table for table in public if not table.is_view]
    for name in names:
        if name not in tables:
            raise WarehouseError(f"no table '{name}' in the warehouse; {known_names(name, tables)}")
    return [tables[name] for name in dict.fromkeys(names)]


def joins(table: PublishedTable, tables: Iterable[PublishedTable]) -> list[PublishedTable]:
    """Dimensions that a table can be joined with: it has all columns of their keys."""
    names = {column.name for column in table.columns}
    return [
        other
        for other in tables
        if other.name.startswith("dim_")
        and other is not table
        and other.key
        and names.issuperset(other.key)
    ]


def known_names(wrong: str, known: Iterable[str]) -> str:
    """End of an error message about an unknown name: close matches, or all known names."""
    names = list(known)
    near = get_close_matches(wrong, names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names) or 'none'}"
