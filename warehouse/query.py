"""Runs one read-only query on the published file and prints or writes the result."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import duckdb

from ingestion.errors import FactrootsError
from warehouse.sql import identifier

__all__ = ["QueryError", "ask"]


class QueryError(FactrootsError):
    """A query cannot be run; the message says whether the query or the file is wrong."""


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
        query: SQL; ``from table`` alone is enough.
        form: 'table', 'csv', 'json' or 'parquet'.
        output: file to write; None prints the result. Required for Parquet.
        variables: values for ``getvariable('name')`` in the query.

    Raises:
        QueryError: no warehouse yet, an invalid query, or Parquet without a file.
    """
    if not published_file.exists():
        raise QueryError(f"{published_file} does not exist yet: create it with factroots run")
    if form == "parquet" and output is None:
        raise QueryError("Parquet cannot be printed: specify a file with --output")
    try:
        with (
            duckdb.connect(published_file, read_only=True) as connection,
            tempfile.TemporaryDirectory() as scratch,
        ):
            for name, value in (variables or {}).items():
                connection.execute(f"set variable {identifier(name)} = ?", [value])
            statements = connection.extract_statements(query)
            if len(statements) != 1:
                raise QueryError(f"expected one SQL statement, found {len(statements)}")
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
