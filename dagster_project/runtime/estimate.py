"""What a study costs: queries, tokens, downloads, disk, and the time on this device.

Queries are built as in a run, from facts and tokenizers alone. Time is measured: each kind of work
is begun as in a run, stopped after about two seconds, and extended by the work that is left. What
does not belong here: the parts that are missing (``dagster_project.steps.plan``), printing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.wording_predictions import wording_languages
from dagster_project.steps.wordings import wording_lines
from dagster_project.study.resolved import StudyModel
from ingestion.facts.wordings import accept_wordings
from models_gpu.errors import ModelError, as_model_error
from models_gpu.seeded import shuffled

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel
    from models_gpu.progress import Progress

__all__ = ["ModelCost", "model_costs"]

_TARGET_SECONDS = 2.0
_MEASURED_FACTS = 10
"""Facts whose integrated gradients are begun: as many as a batch can have."""
_RIGHT_SHARE = 0.3
"""Share of facts that are right, which nobody knows before: Gemma 3 270M has .00 to .31 by
language, and more by ranking."""
_BYTES = {"predictions": 120, "object_rankings": 700, "continuations": 80, "active_neurons": 900}
"""Bytes of the lake per fact, measured on Atlas and Gemma."""


@dataclass
class ModelCost:
    """What one model costs in all of its languages."""

    model_id: str
    """The model."""
    language_count: int = 0
    """Languages in which it is asked."""
    fact_count: int = 0
    """Facts, counted in each language."""
    query_count: int = 0
    """Distinct queries of probing."""
    token_count: int = 0
    """Their tokens."""
    download_bytes: int | None = 0
    """Bytes of weights that are not here yet; None where nobody could say."""
    disk_bytes: int = 0
    """Estimated bytes in the lake."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Table → estimated seconds on this device; empty where weights are not here."""
    problem: str | None = None
    """Why queries were not counted."""


def model_costs(workspace: Workspace, *, is_measured: bool) -> Iterator[ModelCost]:
    """Count the queries of every model of a study, and estimate its time.

    Args:
        workspace: the study.
        is_measured: whether weights that are here are loaded, to measure a second of each work.
    """
    source = workspace.plan.study.facts
    assert source is not None, "only Ray's workers are without"
    frames: dict[str, pl.DataFrame] = {}
    worded: dict[str, _Worded] = {}
    for language in workspace.plan.study.languages:
        found = source.read(language)
        frames[language] = (
            found.fact_labels.join(found.facts, on="fact_id")
            .join(found.prompts.select("relation_id", "template"), on="relation_id")
            .select(
                "fact_id", "relation_id", "template", "subject_label", "object_label", "object_id"
            )
        )
        if is_measured:
            worded[language] = _worded(workspace, language, found.prompts, frames[language])
    for model in workspace.plan.study.models:
        if not model.has_weights or "predictions" in model.files:
            continue
        asked = {code: rows for code, rows in frames.items() if model.is_asked(code)}
        cost = ModelCost(model.id, len(asked), sum(rows.height for rows in asked.values()))
        try:
            with as_model_error(model.id):
                _count(workspace, model, asked, cost)
                if is_measured and cost.download_bytes == 0:
                    _measure(workspace, model, asked, cost)
                    codes = asked.keys() & set(wording_languages(workspace.plan.study, model))
                    cost.seconds |= _wordings(workspace, [worded[code] for code in codes], cost)
        except ModelError as error:
            cost.problem = str(error)
        yield cost


def _count(
    workspace: Workspace, model: StudyModel, asked: dict[str, pl.DataFrame], cost: ModelCost
) -> None:
    from models_gpu.loading.load import without_weights
    from models_gpu.prompting.build import build_queries
    from models_gpu.prompting.contexts import in_context

    empty = without_weights(model.resolved)
    cost.download_bytes = model.resolved.missing_bytes()
    spec = model.resolved.spec
    for rows in asked.values():
        queries = build_queries(
            empty, in_context(empty, spec, rows), spec.mask_counts, leaves_out=True
        )
        cost.query_count += queries.count
        cost.token_count += len(queries.token_ids)
    tables = {part.table for part in workspace.plan.parts()}
    cost.disk_bytes = cost.fact_count * sum(_BYTES[table] for table in _BYTES if table in tables)


def _measure(
    workspace: Workspace, model: StudyModel, asked: dict[str, pl.DataFrame], cost: ModelCost
) -> None:
    """Extend two seconds of each kind of work to all facts of the model."""
    from models_gpu.loading.load import load
    from models_gpu.methods.continuations import continuations
    from models_gpu.methods.probing import probe
    from models_gpu.methods.rankings import object_rankings
    from models_gpu.prompting.contexts import in_context

    study = workspace.study
    weights = load(model.resolved)
    spec, budget = model.resolved.spec, study.probing.batch_tokens
    rows = {code: in_context(weights, spec, frame) for code, frame in asked.items()}
    works: dict[str, Callable[[pl.DataFrame, Progress], Any]] = {
        "predictions": lambda facts, progress: probe(
            weights,
            facts,
            mask_counts=spec.mask_counts,
            token_budget=budget,
            progress=progress,
        )
    }
    if study.ranking is not None:
        works["object_rankings"] = lambda facts, progress: object_rankings(
            weights, facts, token_budget=budget, progress=progress
        )
    if (block := study.continuation) is not None and weights.family.is_causal:
        works["continuations"] = lambda facts, progress: continuations(
            weights, facts, block.tokens, token_budget=budget, progress=progress
        )
    for table, work in works.items():
        cost.seconds[table] = _extended(work, rows)
    if study.attribution.probeless is not None:
        # One pass per right answer; how many are right is not known before.
        cost.seconds["active_neurons"] = _RIGHT_SHARE * cost.seconds["predictions"]
    cost.seconds |= _integrals(workspace, weights, rows)


@dataclass(frozen=True)
class _Worded:
    """How many questions a language asks in other words."""

    facts: int = 0
    """Facts whose relation has another wording."""
    further: int = 0
    """These facts, once for each further template."""


def _worded(
    workspace: Workspace, language: str, prompts: pl.DataFrame, rows: pl.DataFrame
) -> _Worded:
    block = workspace.study.wordings
    if block is None:
        return _Worded()
    lines = wording_lines(workspace.plan.study, language)
    accepted, _ = accept_wordings(language, prompts, lines)
    counts = (
        accepted.group_by("relation_id")
        .agg(templates=pl.len().clip(upper_bound=block.templates))
        .join(rows.group_by("relation_id").agg(facts=pl.len()), on="relation_id")
    )
    if block.sample is not None:
        counts = counts.with_columns(pl.col("facts").clip(upper_bound=block.sample))
    facts, templates = counts["facts"], counts["templates"]
    return _Worded(int(facts.sum()), int((facts * templates).sum()))


def _wordings(workspace: Workspace, worded: Sequence[_Worded], cost: ModelCost) -> dict[str, float]:
    """Seconds of other wordings: a question in other words takes as long as a fact in its own."""
    facts, further = sum(each.facts for each in worded), sum(each.further for each in worded)
    if not further:
        return {}
    per_fact = cost.seconds["predictions"] / cost.fact_count
    seconds = {"wording_predictions": further * per_fact}
    if "wording_neurons" in {part.table for part in workspace.plan.parts()}:
        seconds["wording_neurons"] = (facts + further) * _RIGHT_SHARE * per_fact
    return seconds


class _EnoughError(Exception):
    """Stops a method that was measured for long enough."""


class _Stopwatch:
    """Measures work through a method's reports, and stops the method after some seconds."""

    def __init__(self, seconds: float) -> None:
        self._limit = seconds
        self._started = 0.0
        self.seconds, self.done, self.total = 0.0, 0.0, 0.0

    def __call__(self, done: float, total: float) -> None:
        """Take a report; the first one, which says that nothing is done, starts the clock."""
        now = time.perf_counter()
        if not done:
            self._started = now
        self.done, self.total, self.seconds = done, total, now - self._started
        if self.seconds >= self._limit:
            raise _EnoughError

    def measure(self, method: Callable[[Progress], Any]) -> None:
        """Run a method until it is finished or stopped."""
        with contextlib.suppress(_EnoughError):
            method(self)


def _extended(
    work: Callable[[pl.DataFrame, Progress], Any], rows: dict[str, pl.DataFrame]
) -> float:
    """Seconds that a kind of work takes in all languages, from the first ones by chance."""
    seconds = done = total = 0.0
    for code in shuffled(list(rows), "estimate"):
        watch = _Stopwatch(max(0.0, _TARGET_SECONDS - seconds))
        watch.measure(partial(work, rows[code]))
        seconds, done, total = seconds + watch.seconds, done + watch.done, total + watch.total
    return seconds * total / done if done else 0.0


def _integrals(
    workspace: Workspace, weights: LoadedModel, rows: dict[str, pl.DataFrame]
) -> dict[str, float]:
    """Seconds of integrated gradients, from facts of one language; none where there are none."""
    from models_gpu.methods.knowledge_neurons import knowledge_neurons

    block = workspace.study.attribution.integrated_gradients
    languages = [code for code in workspace.plan.study.knowledge_languages if code in rows]
    if block is None or not languages:
        return {}
    frame, settings = rows[languages[0]], block.path
    chosen = shuffled(frame["fact_id"], "estimate")[:_MEASURED_FACTS]
    watch = _Stopwatch(_TARGET_SECONDS)
    watch.measure(
        lambda progress: knowledge_neurons(
            weights, frame, chosen, settings=settings, top=block.top, progress=progress
        )
    )
    count = sum(min(block.facts or rows[code].height, rows[code].height) for code in languages)
    whole = watch.seconds * watch.total / watch.done if watch.done else 0.0
    return {"knowledge_neurons": whole * count / len(chosen)}
