"""Damaged files of Dagster's storage: found when a study is opened, named and put aside.

The lake alone decides what is up to date, so a lost history of runs costs nothing else. Dagster
makes the files again. Its settings belong in ``dagster_project.defs.instance``.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = ["put_damaged_aside"]

LOG = logging.getLogger("factroots")

_LARGEST_CHECKED_BYTES = 256 << 20
"""SQLite reads a whole file to check it: a second for this size. Larger files are only opened."""
_NEEDED_TABLES = {"runs.db": "runs", "event_log.db": "event_logs", "schedules.db": "jobs"}
"""A table that each of Dagster's files has."""
_COMPANIONS = ("", "-wal", "-shm", "-journal")
"""A database and the files that SQLite keeps next to it."""


def put_damaged_aside(folder: Path) -> None:
    """Renames the damaged databases of this folder and those below it.

    Args:
        folder: Dagster's storage of a study.
    """
    for file in sorted(folder.rglob("*.db")):
        if (why := _damage(file)) is None:
            continue
        LOG.warning("%s is damaged (%s): it is put aside, and the history starts again", file, why)
        for companion in _COMPANIONS:
            path = file.with_name(file.name + companion)
            if path.exists():
                path.replace(path.with_name(f"{path.name}.damaged"))


def _damage(file: Path) -> str | None:
    """Describes what is wrong with a database; None if nothing was found."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            if file.stat().st_size <= _LARGEST_CHECKED_BYTES:
                (found,) = connection.execute("pragma quick_check(1)").fetchone()
                if found != "ok":
                    return str(found)
            tables = {name for (name,) in connection.execute("select name from sqlite_master")}
    except sqlite3.OperationalError:
        # Locked by another process, or not readable by this user.
        return None
    except sqlite3.DatabaseError as error:
        return str(error)
    needed = _NEEDED_TABLES.get(file.name)
    return None if needed is None or needed in tables else f"it has no table {needed}"
