"""Asking the published file: one read-only query, shown or written in the form that is wanted."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

__all__ = ["QueryError", "ask"]


class QueryError(RuntimeError):
    """The query or the file is at fault; the message says which."""


def ask(published_file: Path, query: str, form: str = "table", output: Path | None = None) -> None:
    """Run one query on the published warehouse.

    Args:
        published_file: the warehouse.
        query: SQL; a bare ``from table`` is enough.
        form: 'table', 'csv', 'json' or 'parquet'.
        output: file to write; None prints (Parquet needs a file).

    Raises:
        QueryError: no warehouse yet, a faulty query, or Parquet without a file.
    """
    if not published_file.exists():
        raise QueryError(f"there is no {published_file} yet: factroots run makes it")
    if form == "parquet" and output is None:
        raise QueryError("Parquet is not for the terminal: name a file with --output")
    target = str(output) if output else "/dev/stdout"
    try:
        with duckdb.connect(published_file, read_only=True) as connection:
            statements = connection.extract_statements(query)
            if len(statements) != 1:
                raise QueryError(f"one statement at a time, not {len(statements)}")
            relation = connection.sql(query)
            if relation is None:
                return
            if form == "table" and output is None:
                relation.show(max_width=_width(), max_rows=10_000)
            elif form == "parquet":
                relation.write_parquet(target, compression="zstd")
            elif form == "json":
                frame = relation.pl()
                frame.write_ndjson(output or sys.stdout.buffer)
            else:
                sys.stdout.flush()
                relation.write_csv(target)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


def _width() -> int:
    import shutil

    return shutil.get_terminal_size((160, 40)).columns
