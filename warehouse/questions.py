"""Reads the saved questions: SQL files in ``queries/saved`` over the published tables.

A file starts with comments: the question and notes, then three lines that a test checks (columns,
number of rows, variables). One SQL statement follows. What does not belong here: the queries of the
report (``report.figures``) and of the end of a run (``summary``).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from warehouse.tables import WarehouseError, known_names

__all__ = ["QUERIES", "SavedQuestion", "find_question", "question_table", "saved_questions"]

QUERIES = Path(__file__).parent / "queries"
"""Folder of all queries: ``saved``, ``report``, ``summary`` and ``notes``."""

_ROWS = re.compile(r"(?P<least>\d+)\.\.(?P<most>\d+|\*), one per (?P<key>.+)")
_VARIABLE = re.compile(r"(?P<name>\w+) = (?P<default>[^;]+?)(?:;|$)")


@dataclass(frozen=True)
class SavedQuestion:
    """A question, its SQL, and the shape of its answer."""

    name: str
    """File name without its extension."""
    question: str
    """The question as one sentence."""
    note: str
    """Notes for reading the answer; may be empty."""
    columns: tuple[str, ...]
    """Columns of the answer, in order."""
    key: tuple[str, ...]
    """Columns that identify a row of the answer."""
    least: int
    """Smallest number of rows in any study."""
    most: int | None
    """Largest number of rows; None if there is no limit."""
    variables: dict[str, str]
    """Variables that can be set, with their default values."""
    sql: str
    """Content of the file."""


def saved_questions() -> list[SavedQuestion]:
    """Read all saved questions, sorted by name.

    Raises:
        WarehouseError: a file does not begin with the required comments.
    """
    return [_read(path) for path in sorted((QUERIES / "saved").glob("*.sql"))]


def find_question(name: str, variables: Collection[str] = ()) -> SavedQuestion:
    """Find a saved question by name.

    Args:
        name: file name without its extension.
        variables: names of the variables that the user sets.

    Raises:
        WarehouseError: unknown question (the message suggests close matches) or variable.
    """
    known = {question.name: question for question in saved_questions()}
    if name not in known:
        raise WarehouseError(
            f"no saved question '{name}'; {known_names(name, known)} (factroots questions)"
        )
    question = known[name]
    for variable in variables:
        if variable not in question.variables:
            raise WarehouseError(
                f"saved question '{name}' has no variable '{variable}'; "
                f"known: {', '.join(question.variables) or 'none'}"
            )
    return question


def question_table() -> Table:
    """Table of all questions and their variables, for the terminal."""
    table = Table(title="factroots sql [STUDY] --saved NAME [--set NAME=VALUE]", show_lines=True)
    # A name is what one types: it is never cut.
    table.add_column("name", no_wrap=True)
    for column in ("question", "variables (default)"):
        table.add_column(column)
    for question in saved_questions():
        variables = (f"{name} ({default})" for name, default in question.variables.items())
        table.add_row(question.name, question.question, "\n".join(variables))
    return table


def _read(path: Path) -> SavedQuestion:
    sql = path.read_text(encoding="utf-8")
    comments = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        comments.append(line.removeprefix("--").strip())
    marks = [
        next((i for i, line in enumerate(comments) if line.startswith(f"{mark}:")), None)
        for mark in ("columns", "rows", "variables")
    ]
    columns_at, rows_at, variables_at = marks
    if columns_at is None or rows_at is None or not columns_at:
        raise WarehouseError(
            f"{path}: it must begin with comments: the question, '-- columns:' and '-- rows:'"
        )
    question, _, note = " ".join(comments[:columns_at]).partition("?")
    end = len(comments) if variables_at is None else variables_at
    columns = " ".join(comments[columns_at:rows_at]).removeprefix("columns:")
    shape = " ".join(comments[rows_at:end]).removeprefix("rows:").strip()
    found = _ROWS.fullmatch(shape)
    if not found:
        raise WarehouseError(
            f"{path}: '-- rows:' must read 'least..most, one per column, column', not '{shape}'"
        )
    variables = " ".join(comments[end:]).removeprefix("variables:").strip()
    return SavedQuestion(
        name=path.stem,
        question=f"{question}?",
        note=note.strip(),
        columns=_names(columns),
        key=_names(found["key"]),
        least=int(found["least"]),
        most=None if found["most"] == "*" else int(found["most"]),
        variables={m["name"]: m["default"].strip() for m in _VARIABLE.finditer(variables)},
        sql=sql,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))
