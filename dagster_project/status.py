"""What of a study is done, missing or stale, read from the lake's footers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.table import Table

from dagster_project.plan import State
from dagster_project.refresh import is_published
from dagster_project.workspace import Workspace

__all__ = ["status_rows", "status_table"]

_COLOURS = {State.DONE: "green", State.STALE: "yellow", State.MISSING: "red"}


def status_rows(workspace: Workspace) -> Iterator[dict[str, str]]:
    """One mapping per part: table, its partition, state."""
    for part in workspace.plan.parts():
        state = part.state(workspace.home.lake)
        yield {"table": part.table, **part.partition, "state": str(state)}


def status_table(workspace: Workspace) -> Table:
    """Counts of parts by state, one row per table and model."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for row in status_rows(workspace):
        key = (row["table"], row.get("model_id", row.get("corpus_id", "")))
        counts.setdefault(key, Counter())[row["state"]] += 1
    title = "published" if is_published(workspace) else "not published in its present state"
    table = Table(title=f"{workspace.study.name}: {title}", title_justify="left")
    table.add_column("table")
    table.add_column("model or corpus")
    for state, colour in _COLOURS.items():
        table.add_column(str(state), justify="right", style=colour)
    for (name, owner), states in counts.items():
        table.add_row(
            name, owner, *(f"{states[state]:,}" if states[state] else "" for state in _COLOURS)
        )
    return table
