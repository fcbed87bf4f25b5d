"""Asking the published file: one read-only query, shown or written in the form that is wanted."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import duckdb

from warehouse.tables import identifier

__all__ = ["QueryError", "ask"]


class QueryError(RuntimeError):
    """The query or the file is at fault; the message says which."""


def ask(
    published_file: Path,
    query: str,
    form: str = "table",
    output: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Run one query on the published warehouse.

    Args:
        published_file: the warehouse.
        query: SQL; a bare ``from table`` is enough.
        form: 'table', 'csv', 'json' or 'parquet'.
        output: file to write; None prints (Parquet needs a file).
        variables: what ``getvariable('name')`` in the query stands for.

    Raises:
        QueryError: no warehouse yet, a faulty query, or Parquet without a file.
    """
    if not published_file.exists():
        raise QueryError(f"there is no {published_file} yet: factroots run makes it")
    if form == "parquet" and output is None:
        raise QueryError("Parquet is not for the terminal: name a file with --output")
    try:
        with (
            duckdb.connect(published_file, read_only=True) as connection,
            tempfile.TemporaryDirectory() as scratch,
        ):
            for name, value in (variables or {}).items():
                connection.execute(f"set variable {identifier(name)} = ?", [value])
            statements = connection.extract_statements(query)
            if len(statements) != 1:
                raise QueryError(f"one statement at a time, not {len(statements)}")
            relation = connection.sql(query)
            if relation is None:
                return
            if form == "table" and output is None:
                width = shutil.get_terminal_size((160, 40)).columns
                relation.show(max_width=width, max_rows=10_000)
                return
            target = output or Path(scratch) / "answer"
            if form == "parquet":
                relation.write_parquet(str(target), compression="zstd")
            elif form == "json":
                relation.pl().write_ndjson(target)
            else:
                relation.write_csv(str(target))
            if output is None:
                sys.stdout.write(target.read_text(encoding="utf-8"))
    except duckdb.Error as error:
        raise QueryError(str(error)) from error
