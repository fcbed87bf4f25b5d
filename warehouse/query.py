"""Runs one read-only query on the published file and prints or writes the result."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from ingestion.errors import FactrootsError, printable
from warehouse.connection import MEMORY, MEMORY_FORM, not_published, opened
from warehouse.files import temporary_file
from warehouse.sql import identifier
from warehouse.tables import PUBLIC_SCHEMA

__all__ = ["QueryError", "ask"]


_MAX_ROWS = 10_000
_COUNTED_ROWS = 1_000_000
"""Rows up to which those of a table are counted that is too long to be shown."""
_UNLIMITED = 1_000_000
"""A width for which there is always room."""
_LEAST_WIDTH = 20
"""Letters to which long texts are wrapped or cut where a table is too wide."""
_COUNTED_WIDTH = 40
"""Letters of a longer text that count where columns are spread over blocks."""
_NUMBER_WIDTH = 8
"""Width of a column of row numbers, with its border."""


def _of_floats(expression: str) -> dict[str, str]:
    """Type → expression, for floats and lists of them."""
    in_list = f"list_transform({{0}}, lambda x: {expression.format('x')})"
    return {"DOUBLE": expression, "FLOAT": expression, "DOUBLE[]": in_list, "FLOAT[]": in_list}


_ROUNDED = _of_floats(
    "case when isfinite({0}) and {0} != 0 "
    "then round({0}::double, greatest(3 - floor(log10(abs({0})))::int, 0)) else {0} end"
)
"""Type → expression for the values that a table shows: four digits."""
_FINITE = _of_floats("case when isfinite({0}) then {0} end")
"""Type → expression for the values that JSON can have."""


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
) -> tuple[str, ...]:
    """Run one query on the published warehouse.

    Args:
        published_file: the warehouse.
        query: SQL; ``from table`` alone is enough.
        form: 'table', 'csv', 'json' or 'parquet'.
        output: file to write; None prints the result. Required for Parquet.
        variables: values for ``getvariable('name')`` in the query.
        allow_files: whether the query may use files, extensions and settings.
        memory: largest memory of the query, such as '4GB'.

    Returns:
        The tables that the query reads, if it printed a table without rows; otherwise none.

    Raises:
        QueryError: no warehouse yet, an invalid query, or Parquet without a file.
        RestrictedQueryError: the query needs more than is allowed.
    """
    if not published_file.exists():
        raise QueryError(not_published(published_file))
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
                return ()
            if form == "table" and output is None:
                rounded = _rounded(relation)
                # An answer can be longer than the memory.
                kept = rounded.limit(_MAX_ROWS).materialize()
                count = _row_count(rounded) if kept.shape[0] == _MAX_ROWS else ""
                width = shutil.get_terminal_size((160, 40)).columns
                sys.stdout.write(_table(kept, width, count))
                return () if kept.shape[0] else _tables_of(connection, query)
            # DuckDB writes where it may; Python takes the answer to where the user wants it.
            target = file.scratch / "answer"
            if form == "parquet":
                relation.write_parquet(str(target), compression="zstd")
            elif form == "json":
                _write_json(relation, target)
            else:
                relation.write_csv(str(target))
            if output is None:
                _print(target)
            else:
                _replace(output, target)
            return ()
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


def _write_json(relation: duckdb.DuckDBPyRelation, target: Path) -> None:
    """Write an object per line. JSON has neither NaN nor infinity: they become null.

    DuckDB writes them, not a data frame: it keeps to its memory, and to each digit of a number.
    """
    fields = []
    taken: set[str] = set()
    for n, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True), 1):
        distinct, others = name, 0
        while distinct.lower() in taken:
            others += 1
            distinct = f"{name}_{others}"
        taken.add(distinct.lower())
        fields.append(f"{identifier(distinct)} := {_FINITE.get(str(kind), '{0}').format(f'#{n}')}")
    lines = relation.project(f"to_json(struct_pack({', '.join(fields)})) as line")
    # One column that is not quoted: a line of JSON has no line end.
    lines.write_csv(str(target), header=False, sep="\x1f", quotechar="", escapechar="")


def _print(answer: Path) -> None:
    is_terminal = sys.stdout.isatty()
    with answer.open(encoding="utf-8", newline="") as lines:
        for line in lines:
            sys.stdout.write(printable(line) if is_terminal else line)


def _tables_of(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[str, ...]:
    """Tables that a query reads, also through views; none where DuckDB cannot tell."""
    with contextlib.suppress(duckdb.Error):
        names = connection.get_table_names(query, qualified=True)
        return tuple(sorted(name.removeprefix(f"{PUBLIC_SCHEMA}.") for name in names))
    return ()


def _rounded(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Give floats four digits."""
    types = [str(kind) for kind in relation.types]
    shown = [_ROUNDED.get(kind, "{0}").format(f"#{n}") for n, kind in enumerate(types, 1)]
    pairs = zip(shown, relation.columns, strict=True)
    return relation.project(", ".join(f"{value} as {identifier(name)}" for value, name in pairs))


def _table(kept: duckdb.DuckDBPyRelation, width: int, count: str) -> str:
    """Draw an answer as a table; columns without room follow below.

    Args:
        kept: the rows to show.
        width: of the terminal, in letters.
        count: how many rows the answer has, where it is too long to be shown.
    """
    column_count = len(kept.columns)
    # The border above the header says how wide each column is, as the terminal shows it.
    text = _drawn(kept, _UNLIMITED, count)
    widths = [len(column) + 1 for column in text.partition("\n")[0][1:-1].split("┬")]
    if sum(widths) < width:
        return text
    widths = [min(each, _COUNTED_WIDTH + 3) for each in widths]
    key_length = _key_length(kept, widths, width)
    if len(blocks := _blocks(widths, key_length or 1, width)) == 1:
        return _drawn(kept, width, count)
    if not key_length:
        # The number of the row identifies it.
        kept = kept.project('row_number() over () as "row", *')
        widths.insert(0, _NUMBER_WIDTH)
        blocks = _blocks(widths, 2, width)
    parts = (kept.project(", ".join(f"#{n + 1}" for n in block)) for block in blocks)
    return "".join(_drawn(part, width, count) for part in parts) + (
        f"{column_count} columns in {len(blocks)} blocks. Select fewer to see them side by side.\n"
    )


def _drawn(kept: duckdb.DuckDBPyRelation, width: int, count: str) -> str:
    """Draw a table that has room, or whose longest texts can be wrapped or cut to make room."""
    with contextlib.redirect_stdout(io.StringIO()) as drawn:
        kept.show(max_width=width, max_rows=_MAX_ROWS, max_col_width=_LEAST_WIDTH)
    # DuckDB does not count as many rows as it may show.
    return drawn.getvalue().replace("\n  ? rows", f"\n  {count}")


def _row_count(relation: duckdb.DuckDBPyRelation) -> str:
    """Say how many rows there are; an answer without end is counted as far as takes no time."""
    [(count,)] = relation.limit(_COUNTED_ROWS + 1).aggregate("count(*)").fetchall()
    if count == _MAX_ROWS:
        return f"{count:,} rows"
    many = f"{count:,}" if count <= _COUNTED_ROWS else f"more than {_COUNTED_ROWS:,}"
    return f"{many} rows, {_MAX_ROWS:,} of them shown"


def _key_length(kept: duckdb.DuckDBPyRelation, widths: Sequence[int], width: int) -> int | None:
    """Count the first columns that identify a row; None if others have no room next to them."""
    rows = kept.shape[0]
    for length in range(1, len(widths)):
        if sum(widths[:length]) + max(widths[length:]) >= width:
            return None
        columns = ", ".join(f"#{n}" for n in range(1, length + 1))
        if kept.project(columns).distinct().shape[0] == rows:
            return length
    return None


def _blocks(widths: Sequence[int], key_length: int, width: int) -> list[list[int]]:
    """Spread columns over blocks that have room; each begins with the key."""
    key = list(range(key_length))
    blocks = [[*key]]
    for column in range(key_length, len(widths)):
        if sum(widths[n] for n in (*blocks[-1], column)) >= width and blocks[-1] != key:
            blocks.append([*key])
        blocks[-1].append(column)
    return blocks


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
