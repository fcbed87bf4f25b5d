"""Table of the build file that says what each of dbt's models and tests was made from.

dbt writes the file; it is published by ``warehouse.publish``, without this table. What a model is
made from is decided by ``dagster_project.dbt.build_state``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from warehouse.publish import BUILD_SCHEMA

__all__ = ["add_made_from", "drop_made_from", "read_made_from"]

_TABLE = f"{BUILD_SCHEMA}.nodes"


def read_made_from(file: Path) -> dict[str, str]:
    """dbt's id of a node → hash of what it was made from; empty without a readable file."""
    if not file.exists():
        return {}
    try:
        with duckdb.connect(file, read_only=True) as connection:
            return dict(connection.execute(f"from {_TABLE}").fetchall())
    except duckdb.Error:
        return {}


def add_made_from(file: Path, made_from: Mapping[str, str]) -> None:
    """Add nodes to the table, or replace them.

    Raises:
        duckdb.Error: the file cannot be written.
    """
    if not made_from:
        return
    with duckdb.connect(file) as connection:
        connection.execute(f"create schema if not exists {BUILD_SCHEMA}")
        connection.execute(
            f"create table if not exists {_TABLE} (node_id varchar primary key, made_from varchar)"
        )
        rows = [list(item) for item in made_from.items()]
        connection.executemany(f"insert or replace into {_TABLE} values (?, ?)", rows)


def drop_made_from(file: Path, nodes: Iterable[str]) -> None:
    """Delete nodes from the table, which is there.

    Raises:
        duckdb.Error: the file cannot be written.
    """
    with duckdb.connect(file) as connection:
        connection.execute(f"delete from {_TABLE} where node_id in ?", [sorted(nodes)])
