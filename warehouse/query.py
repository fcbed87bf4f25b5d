"""Runs one read-only query on the published file and prints or writes the result."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import duckdb

from ingestion.errors import FactrootsError, printable
from warehouse.connection import MEMORY, MEMORY_FORM, opened
from warehouse.files import temporary_file
from warehouse.sql import identifier

__all__ = ["QueryError", "ask"]


_MAX_ROWS = 10_000
_FOUR_DIGITS = (
    "case when isfinite({0}) and {0} != 0 "
    "then round({0}::double, greatest(3 - floor(log10(abs({0})))::int, 0)) else {0} end"
)
_IN_LIST = f"list_transform({{0}}, lambda x: {_FOUR_DIGITS.format('x')})"
_ROUNDED = {
    "DOUBLE": _FOUR_DIGITS,
    "FLOAT": _FOUR_DIGITS,
    "DOUBLE[]": _IN_LIST,
    "FLOAT[]": _IN_LIST,
}
"""Type → expression for the values that a table shows."""


class QueryError(FactrootsError):
    """A query cannot be run; the message says whether the query or the file is wrong."""


def ask(
    published_file: Path,
    query: str,
    form: str = "table",
    output: Path | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    allow_files: bool = False,
    memory: str = MEMORY,
) -> None:
    """Run one query on the published warehouse.

    Args:
        published_file: the warehouse.
        query: SQL; ``from table`` alone is enough.
        form: 'table', 'csv', 'json' or 'parquet'.
        output: file to write; None prints the result. Required for Parquet.
        variables: values for ``getvariable('name')`` in the query.
        allow_files: whether the query may use files, extensions and settings.
        memory: largest memory of the query, such as '4GB'.

    Raises:
        QueryError: no warehouse yet, an invalid query, or Parquet without a file.
        RestrictedQueryError: the query needs more than is allowed.
    """
    if not published_file.exists():
        raise QueryError(f"{published_file} does not exist yet: create it with factroots run")
    if form == "parquet" and output is None:
        raise QueryError("Parquet cannot be printed: specify a file with --output")
    if not MEMORY_FORM.fullmatch(memory):
        raise QueryError(f"'{memory}' is no amount of memory: write one such as 4GB")
    try:
        with opened(published_file, allow_files=allow_files, memory=memory) as file:
            connection = file.connection
            for name, value in (variables or {}).items():
                connection.execute(f"set variable {identifier(name)} = ?", [value])
            statements = connection.extract_statements(query)
            if len(statements) != 1:
                raise QueryError(f"expected one SQL statement, found {len(statements)}")
            relation = connection.sql(query)
            if relation is None:
                return
            if form == "table" and output is None:
                sys.stdout.write(_table(relation, shutil.get_terminal_size((160, 40)).columns))
                return
            # DuckDB writes where it may; Python takes the answer to where the user wants it.
            target = file.scratch / "answer"
            if form == "parquet":
                relation.write_parquet(str(target), compression="zstd")
            elif form == "json":
                relation.pl().write_ndjson(target)
            else:
                relation.write_csv(str(target))
            if output is None:
                text = target.read_text(encoding="utf-8")
                sys.stdout.write(printable(text) if sys.stdout.isatty() else text)
            else:
                _replace(output, target)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


def _table(relation: duckdb.DuckDBPyRelation, width: int) -> str:
    """Draw an answer as a table, floats with four digits, and name the columns without room."""
    types = [str(kind) for kind in relation.types]
    shown = [_ROUNDED.get(kind, "{0}").format(f"#{n}") for n, kind in enumerate(types, 1)]
    names = relation.columns
    pairs = zip(shown, names, strict=True)
    rounded = relation.project(", ".join(f"{value} as {identifier(name)}" for value, name in pairs))
    kept = rounded.materialize()
    with contextlib.redirect_stdout(io.StringIO()) as drawn:
        kept.show(max_width=width, max_rows=_MAX_ROWS)
    text = drawn.getvalue()
    # DuckDB does not count more rows than it shows.
    start, unknown, end = text.rpartition("\n  ? rows")
    if unknown:
        text = f"{start}\n  {kept.shape[0]:,} rows, {_MAX_ROWS:,} of them shown{end}"
    before, gap, after = text.split("\n")[1].partition("│ … │")
    if not gap:
        return text
    hidden = names[before.count("│") : len(names) - after.count("│")]
    return (
        f"{text.rstrip()}\n{len(hidden)} columns have no room: {', '.join(hidden)}. Select fewer "
        "columns, or see all with --format csv.\n"
    )


def _replace(output: Path, answer: Path) -> None:
    try:
        if output.exists() and not output.is_file():
            # A pipe or a device.
            with answer.open("rb") as read, output.open("wb") as written:
                shutil.copyfileobj(read, written)
            return
        with temporary_file(output) as temporary:
            shutil.copyfile(answer, temporary)
            temporary.replace(output)
    except OSError as error:
        raise QueryError(f"cannot write {output}: {error.strerror}") from error
