"""Where Dagster keeps the events of a study: one SQLite file, through connections that stay open.

A run tells one event for each part of the lake, hundreds in all. Dagster's default writes each into
two files, opens them anew every time and waits for the disk; that takes longer than much of what is
told. Nothing of a study is decided by these events: what is up to date stands in the lake.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from sqlite3 import Connection as SqliteConnection
from typing import Any

from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event

__all__ = ["EventLog"]


class EventLog(ConsolidatedSqliteEventLogStorage):
    """Dagster's consolidated event log; ``dagster.yaml`` names this class."""

    @cached_property
    def _engine(self) -> Engine:
        engine = create_engine(
            self._conn_string, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
        )

        # The last events may be lost with the machine's power, never the file, nor with a process.
        @event.listens_for(engine, "connect")
        def _do_not_wait(connection: SqliteConnection, _record: Any) -> None:
            connection.execute("pragma synchronous = normal").close()

        return engine

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the file."""
        super().dispose()  # type: ignore[no-untyped-call]
        self._engine.dispose()
