"""Dagster's event log in one SQLite file, over connections that stay open.

A run records hundreds of events, one per part. Dagster's default writes each into two files, opens
them every time and waits for the disk, which takes longer than much of the work. Dagster has no
public setting for this, so this module subclasses its private storage class. Losing an event costs
nothing: the lake alone decides what is up to date.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from sqlite3 import Connection as SqliteConnection
from typing import Any

from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event, inspect

__all__ = ["EventLog"]


class EventLog(ConsolidatedSqliteEventLogStorage):
    """Dagster's consolidated event log with open connections; ``dagster.yaml`` names it."""

    @cached_property
    def _engine(self) -> Engine:
        engine = create_engine(
            self._conn_string, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
        )

        # A power failure may lose the last events, but does not damage the file.
        @event.listens_for(engine, "connect")
        def _do_not_wait(connection: SqliteConnection, _record: Any) -> None:
            connection.execute("pragma synchronous = normal").close()

        return engine

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    @cached_property
    def _known_tables(self) -> set[str]:
        return set()

    def has_table(self, table_name: str) -> bool:
        """Whether the file has a table; Dagster asks so for each part. No table is ever dropped."""
        if table_name not in self._known_tables and inspect(self._engine).has_table(table_name):
            self._known_tables.add(table_name)
        return table_name in self._known_tables

    def dispose(self) -> None:
        """Closes the file."""
        super().dispose()  # type: ignore[no-untyped-call]
        self._engine.dispose()
