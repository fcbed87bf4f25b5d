"""The saved questions: files in ``queries/`` that ask the published tables what researchers ask.

A file starts with comments: the question and what to heed, then three lines that a test holds it to
(its columns, how many rows of what, its variables); then one statement.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from rich.table import Table

from warehouse.tables import WarehouseError

__all__ = ["QUERIES", "SavedQuestion", "find_question", "question_table", "saved_questions"]

QUERIES = Path(__file__).parent / "queries"

_ROWS = re.compile(r"(?P<least>\d+)\.\.(?P<most>\d+|\*), one per (?P<key>.+)")
_VARIABLE = re.compile(r"(?P<name>\w+) = (?P<default>[^;]+?)(?:;|$)")


@dataclass(frozen=True)
class SavedQuestion:
    """A question, and the shape of its answer."""

    name: str
    """File name without the ending."""
    question: str
    """The sentence above it."""
    note: str
    """What else there is to heed; may be empty."""
    columns: tuple[str, ...]
    """Columns of the answer, in order."""
    key: tuple[str, ...]
    """Columns that identify a row of the answer."""
    least: int
    """Rows that it has at least, in every study that was run."""
    most: int | None
    """Rows that it has at most; None without a bound."""
    variables: dict[str, str]
    """What may be set before asking, with what it stands for otherwise."""
    sql: str
    """The file."""


def saved_questions() -> list[SavedQuestion]:
    """All of them, by name.

    Raises:
        WarehouseError: a file that does not start as it should.
    """
    return [_read(path) for path in sorted(QUERIES.glob("*.sql"))]


def find_question(name: str, variables: Collection[str] = ()) -> SavedQuestion:
    """The question of that name.

    Args:
        name: file name without the ending.
        variables: names of what is set before asking.

    Raises:
        WarehouseError: there is none, with the nearest names; or it has no such variable.
    """
    known = {question.name: question for question in saved_questions()}
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.4) or known
        raise WarehouseError(
            f"no saved question '{name}'; there is {', '.join(near)} (factroots questions)"
        )
    question = known[name]
    for variable in variables:
        if variable not in question.variables:
            raise WarehouseError(
                f"saved question '{name}' has no variable '{variable}'; "
                f"there is {', '.join(question.variables) or 'none'}"
            )
    return question


def question_table() -> Table:
    """All questions for the terminal, with what may be set."""
    table = Table(title="factroots sql [STUDY] --saved NAME [--set NAME=VALUE]", show_lines=True)
    for column in ("name", "question", "may be set (default)"):
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
        raise WarehouseError(f"{path}: it starts with its question, '-- columns:' and '-- rows:'")
    question, _, note = " ".join(comments[:columns_at]).partition("?")
    end = len(comments) if variables_at is None else variables_at
    columns = " ".join(comments[columns_at:rows_at]).removeprefix("columns:")
    shape = " ".join(comments[rows_at:end]).removeprefix("rows:").strip()
    found = _ROWS.fullmatch(shape)
    if not found:
        raise WarehouseError(f"{path}: rows are 'least..most, one per column, column': {shape}")
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
