"""``factroots status``: which parts are done, missing, stale or failed, by the lake's footers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.knowledge_neurons import completeness_warning
from dagster_project.steps.plan import State
from dagster_project.study.failures import failure_note, removed_models
from ingestion.lake import read_part

__all__ = ["Status", "status_rows"]

_SIGNS = {
    "done": ("●", "green"),
    "stale": ("◐", "yellow"),
    "missing": ("○", "red"),
    "failed": ("✗", "bold red"),
}
"""State → its sign and colour in the matrix."""
_LABEL_WIDTH = 28
"""Room for a table's name, indented."""


def status_rows(workspace: Workspace) -> Iterator[dict[str, str]]:
    """Describes each part: table, partition, state, and the reason where it failed.

    A model that cannot be identified has one row with state 'failed'. A model that left the study
    has one row with state 'left'; its Parquet is kept.
    """
    plan, home = workspace.plan, workspace.home
    for part in plan.parts():
        state = part.state(home.lake)
        row = {"table": part.table, **part.partition, "state": str(state)}
        model_id = part.partition.get("model_id")
        if state is not State.DONE and model_id and (note := failure_note(home, model_id)):
            row |= {"state": "failed", "reason": note}
        yield row
    for model in plan.study.broken_models:
        yield {"table": "models", "model_id": model.id, "state": "failed", "reason": model.reason}
    for model_id in removed_models(workspace.study, home):
        yield {"table": "models", "model_id": model_id, "state": "left"}


class Status:
    """The matrix of models and corpora × tables × languages, printed by rich."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._rows = list(status_rows(workspace))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Puts as many languages side by side as fit the terminal, the others below."""
        workspace = self._workspace
        unfinished = workspace.unfinished_products
        title = unfinished or "published"
        counts = Counter(row["state"] for row in self._rows)
        yield Text.assemble(
            (workspace.study.name, "bold"), ": ", (title, "yellow" if unfinished else "green")
        )
        languages = workspace.plan.study.languages
        width = max((len(language) for language in languages), default=2) + 1
        fitting = max(1, (options.max_width - _LABEL_WIDTH) // width)
        for start in range(0, len(languages), fitting):
            yield self._matrix(languages[start : start + fitting], is_first=start == 0)
        legend = [
            (f"{sign} {counts[state]:,} {state}  ", colour)
            for state, (sign, colour) in _SIGNS.items()
            if counts[state]
        ]
        yield Text.assemble(*legend)
        reasons = {row["model_id"]: row["reason"] for row in self._rows if "reason" in row}
        for model_id, reason in reasons.items():
            about = "" if model_id in reason else f"model '{model_id}': "
            yield Text.assemble(("✗ ", "bold red"), about, reason)
        for label, warning in _warnings(workspace):
            yield Text.assemble(("! ", "bold yellow"), f"{label}: {warning}")
        for row in self._rows:
            if row["state"] == "left":
                yield Text.assemble(
                    (row["model_id"], "bold"),
                    " left the study: the next build drops it from the marts, its Parquet is kept",
                )

    def _matrix(self, languages: Sequence[str], *, is_first: bool) -> Table:
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column(min_width=_LABEL_WIDTH - 1, no_wrap=True)
        for language in languages:
            table.add_column(language, justify="center", header_style="dim")
        cells: dict[tuple[str, str], dict[str, str]] = {}
        for row in self._rows:
            if row["state"] != "left":
                owner = row.get("model_id", row.get("corpus_id", ""))
                cells.setdefault((owner, row["table"]), {})[row.get("language_code", "")] = row[
                    "state"
                ]
        shown = None
        owners = list(dict.fromkeys(owner for owner, _ in cells))
        for (owner, name), states in sorted(cells.items(), key=lambda at: owners.index(at[0][0])):
            of_study = "" in states
            if of_study and not is_first:
                continue
            if owner != shown:
                table.add_row(Text(owner or "study", style="bold"))
                shown = owner
            signs = [states.get("" if of_study else language) for language in languages]
            if of_study:
                # One part for all languages: one sign.
                signs = signs[:1]
            table.add_row(f"  {name}", *(_sign(state) for state in signs))
        return table


def _warnings(workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Parts whose rows are there and are not exact, with a warning for each."""
    lake = workspace.home.lake
    for part in workspace.plan.parts():
        if part.table == "attribution_quality" and part.state(lake) is State.DONE:
            warning = completeness_warning(read_part(part.path(lake)))
            if warning is not None:
                yield part.label, warning


def _sign(state: str | None) -> Text:
    return Text(*_SIGNS[state]) if state else Text("")
