"""``factroots plan``: what a run of a study will do and cost, before it begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group
from rich.table import Table

from dagster_project.runtime.estimate import ModelCost
from dagster_project.runtime.reports import duration
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.plan import State

__all__ = ["plan_tables"]


def plan_tables(workspace: Workspace, costs: Sequence[ModelCost]) -> Group:
    """Two tables and a line: parts by state, and what every model costs."""
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
    return Group(parts, models, _total(costs))


def _total(costs: Sequence[ModelCost]) -> str:
    measured = [cost for cost in costs if cost.seconds]
    seconds = sum(sum(cost.seconds.values()) for cost in measured)
    if not measured:
        return "No time is estimated: no model's weights are here, or --no-measure was given."
    left = len(costs) - len(measured)
    others = f", without {left} models whose weights are not here" if left else ""
    return (
        f"About {duration(seconds)} of work on models on this device{others}. Not in it: edits, "
        "degenerate neurons, fact checks, signals, corpora, and the marts."
    )


def _times(seconds: dict[str, float]) -> str:
    return "\n".join(f"{table} {duration(each)}" for table, each in seconds.items()) or "unknown"


def _size(count: int | None) -> str:
    return "unknown" if count is None else f"{count / 1e6:,.0f} MB"
