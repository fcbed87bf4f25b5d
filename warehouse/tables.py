"""What a published file holds: its tables, columns, keys and descriptions, read from the catalogue.

What belongs here: opening the file read-only and describing it. What does not: reading rows
(``query``, ``export``, ``diff``), and any list of table names, so that new tables need no edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import duckdb

__all__ = [
    "PUBLIC_SCHEMA",
    "Column",
    "PublishedTable",
    "WarehouseError",
    "attached",
    "identifier",
    "literal",
    "published_tables",
    "wanted_tables",
    "warehouse_file",
]

PUBLIC_SCHEMA = "main"
"""Schema of the tables that two runs of one study make alike; ``operations`` has times in it."""


class WarehouseError(RuntimeError):
    """The published file cannot be used as asked; the message says what there is and what to do."""


@dataclass(frozen=True)
class Column:
    """A column of a published table."""

    name: str
    """Its name."""
    data_type: str
    """Its DuckDB type, such as 'VARCHAR' or 'VARCHAR[]'."""
    is_required: bool
    """Whether it is declared as never null."""
    description: str
    """What it means; empty where the file says nothing."""


@dataclass(frozen=True)
class PublishedTable:
    """A table of a published file."""

    schema: str
    """Its schema."""
    name: str
    """Its name."""
    description: str
    """Grain first; empty where the file says nothing."""
    columns: tuple[Column, ...]
    """In the order of the table."""
    key: tuple[str, ...]
    """Columns that identify a row; empty for a table without a primary key."""

    @property
    def label(self) -> str:
        """Name as people write it: with the schema where that is not the public one."""
        return self.name if self.schema == PUBLIC_SCHEMA else f"{self.schema}.{self.name}"

    def within(self, catalogue: str) -> str:
        """Name as SQL writes it, within an attached file."""
        return ".".join(map(identifier, (catalogue, self.schema, self.name)))


def identifier(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """A text as SQL writes it."""
    return "'" + str(text).replace("'", "''") + "'"


def warehouse_file(place: Path) -> Path:
    """The published file that a path means: the file itself, or a study's folder that holds it.

    Raises:
        WarehouseError: there is none.
    """
    path = place / "factroots.duckdb" if place.is_dir() else place
    if not path.is_file():
        raise WarehouseError(
            f"there is no {path}: name a warehouse, or the folder of a study that was run"
        )
    return path


@contextmanager
def attached(files: Mapping[str, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in memory with published files attached read-only, each under its name.

    Raises:
        WarehouseError: a file is missing or is no warehouse, or a query on it fails.
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
    """All tables of an attached file by label, the public ones first, each by name."""
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
    found = connection.execute(
        """
        select schema_name, table_name, coalesce(comment, '')
        from duckdb_tables()
        where database_name = ?
        order by schema_name != ?, schema_name, table_name
        """,
        [catalogue, PUBLIC_SCHEMA],
    ).fetchall()
    tables = [
        PublishedTable(
            schema, name, description, tuple(columns[schema, name]), keys.get((schema, name), ())
        )
        for schema, name, description in found
    ]
    return {table.label: table for table in tables}


def wanted_tables(
    tables: Mapping[str, PublishedTable], names: Sequence[str] | None
) -> list[PublishedTable]:
    """Tables of these labels; None takes all of the public schema.

    Raises:
        WarehouseError: a name that there is not, with the nearest ones.
    """
    if names is None:
        return [table for table in tables.values() if table.schema == PUBLIC_SCHEMA]
    for name in names:
        if name not in tables:
            near = get_close_matches(name, tables, n=3) or tables
            raise WarehouseError(f"no table '{name}' in the warehouse; there is {', '.join(near)}")
    return [tables[name] for name in dict.fromkeys(names)]
