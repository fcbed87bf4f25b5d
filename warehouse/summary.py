"""The few figures that a run ends with, read from the published file."""

from __future__ import annotations

from pathlib import Path

import duckdb
from rich.table import Table

__all__ = ["summary_tables"]

_OVERVIEW = """
select
    o.model_id as model,
    s.language_count as languages,
    s.matched_count as facts_right,
    s.fact_count as facts,
    s.micro_rate as p_at_1_micro,
    s.macro_rate as p_at_1_macro
from main.p_at_1_overview as o
"""


def summary_tables(published_file: Path) -> list[Table]:
    """Tables of results for the terminal.

    Raises:
        duckdb.Error: the file cannot be read.
    """
    with duckdb.connect(published_file, read_only=True) as connection:
        return [
            _table("P@1 per model", connection.execute(_OVERVIEW)),
        ]


def _table(title: str, result: duckdb.DuckDBPyConnection) -> Table:
    table = Table(title=title, title_justify="left")
    for column in result.description:
        table.add_column(column[0].replace("_", " "))
    for row in result.fetchall():
        table.add_row(*(_text(value) for value in row))
    return table


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)
