"""``factroots plan``: what a run of a study will do and cost, before it begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Group
from rich.table import Table

from dagster_project.runtime.estimate import ModelCost
from dagster_project.runtime.reports import duration
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.plan import Part, State
from dagster_project.steps.registry import STEP_OF_TABLE
from ingestion.lake import read_provenance

__all__ = ["plan_tables"]


def plan_tables(workspace: Workspace, costs: Sequence[ModelCost]) -> Group:
    """Two tables and some lines: parts by state, and what every model costs."""
    parts = Table("table", "parts", "to compute", title="Parts of the lake")
    planned = list(workspace.plan.parts())
    counted = Counter(part.table for part in planned)
    lake = workspace.home.lake
    missing = Counter(part.table for part in planned if part.state(lake) is not State.DONE)
    for table, count in counted.items():
        parts.add_row(table, f"{count:,}", f"{missing[table]:,}")
    models = Table(
        "model", "languages", "facts", "distinct queries", "tokens", "download", "disk", "time",
        title="Models",
    )  # fmt: skip
    for cost in costs:
        if cost.problem is not None:
            models.add_row(cost.model_id, *[""] * 6, cost.problem)
            continue
        models.add_row(
            cost.model_id,
            f"{cost.language_count:,}",
            f"{cost.fact_count:,}",
            f"{cost.query_count:,}",
            f"{cost.token_count:,}",
            _size(cost.download_bytes),
            _size(cost.disk_bytes),
            _times(cost.seconds),
        )
    lines = [_total(costs)]
    if spent := _spent(planned, lake):
        lines.append(f"The parts that this home has took {duration(spent)} when they were made.")
    return Group(parts, models, *lines)


_OTHERS = (
    "Not in it: edits, degenerate neurons, fact checks, signals; corpora, about a second for each "
    "megabyte of text in one process; starting, checking the lake, building and testing the marts "
    "and drawing the report, about a minute for a small study and some minutes for a large one "
    "(docs/performance.md)."
)
"""What is not estimated, and how long it takes."""


def _total(costs: Sequence[ModelCost]) -> str:
    measured = [cost for cost in costs if cost.seconds]
    seconds = sum(sum(cost.seconds.values()) for cost in measured)
    if not measured:
        return "No time is estimated: no model's weights are here, or --no-measure was given."
    left = len(costs) - len(measured)
    others = f", without {left} models whose weights are not here" if left else ""
    return f"About {duration(seconds)} of work on models on this device{others}. {_OTHERS}"


def _spent(parts: Iterable[Part], lake: Path) -> float:
    """Seconds that the parts on disk took; tables that are computed together count once."""
    seconds: dict[tuple[str, ...], float] = {}
    for part in parts:
        if (made_by := read_provenance(part.path(lake))) is not None:
            work = (STEP_OF_TABLE[part.table].name, *part.partition.values())
            seconds[work] = max(seconds.get(work, 0.0), made_by.duration_seconds)
    return sum(seconds.values())


def _times(seconds: dict[str, float]) -> str:
    return "\n".join(f"{table} {duration(each)}" for table, each in seconds.items()) or "unknown"


def _size(count: int | None) -> str:
    return "unknown" if count is None else f"{count / 1e6:,.0f} MB"
