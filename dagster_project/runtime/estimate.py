"""What a study costs: queries, tokens, downloads, disk, and the time on this device.

Queries are built as in a run, from facts and tokenizers alone. Time is measured: each kind of work
is done on a few facts until it took about a second, and extended to all of them. What does not
belong here: the parts that are missing (``dagster_project.steps.plan``), printing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from dagster_project.runtime.workspace import Workspace
from dagster_project.study.resolve import StudyModel
from models_gpu.errors import ModelError, as_model_error
from models_gpu.seeded import shuffled

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel

__all__ = ["ModelCost", "model_costs"]

_TARGET_SECONDS = 1.0
_FIRST_FACTS = 8
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
    for language in workspace.plan.study.languages:
        found = source.read(language)
        frames[language] = (
            found.fact_labels.join(found.facts, on="fact_id")
            .join(found.prompts.select("relation_id", "template"), on="relation_id")
            .select(
                "fact_id", "relation_id", "template", "subject_label", "object_label", "object_id"
            )
        )
    for model in workspace.plan.study.models:
        asked = {code: rows for code, rows in frames.items() if model.is_asked(code)}
        cost = ModelCost(model.id, len(asked), sum(rows.height for rows in asked.values()))
        try:
            with as_model_error(model.id):
                _count(workspace, model, asked, cost)
                if is_measured and cost.download_bytes == 0:
                    _measure(workspace, model, asked, cost)
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
    """Extend a second of each kind of work to all facts of the model."""
    from models_gpu.loading.load import load
    from models_gpu.methods.continuations import continuations
    from models_gpu.methods.probing import probe
    from models_gpu.methods.rankings import object_rankings
    from models_gpu.prompting.contexts import in_context

    study = workspace.study
    weights = load(model.resolved)
    spec, budget = model.resolved.spec, study.probing.batch_tokens
    rows = {code: in_context(weights, spec, frame) for code, frame in asked.items()}
    works: dict[str, Callable[[pl.DataFrame, list[str]], Any]] = {
        "predictions": lambda facts, chosen: probe(
            weights,
            facts.filter(pl.col("fact_id").is_in(chosen)),
            mask_counts=spec.mask_counts,
            token_budget=budget,
        )
    }
    if study.ranking is not None:
        works["object_rankings"] = lambda facts, chosen: object_rankings(
            weights, facts, chosen=chosen, token_budget=budget
        )
    if (block := study.continuation) is not None and weights.family.is_causal:
        works["continuations"] = lambda facts, chosen: continuations(
            weights,
            facts.filter(pl.col("fact_id").is_in(chosen)),
            block.tokens,
            token_budget=budget,
        )
    for table, work in works.items():
        cost.seconds[table] = _extended(work, rows)
    if study.attribution.probeless is not None:
        # One pass per right answer, at most one per fact.
        cost.seconds["active_neurons"] = cost.seconds["predictions"]
    cost.seconds |= _integrals(workspace, weights, rows)


def _extended(
    work: Callable[[pl.DataFrame, list[str]], Any], rows: dict[str, pl.DataFrame]
) -> float:
    """Seconds that a kind of work takes for all facts, from a sample over all languages."""
    total = sum(frame.height for frame in rows.values())
    share, seconds, done = min(1.0, _FIRST_FACTS * len(rows) / max(total, 1)), 0.0, 0
    orders = {code: shuffled(frame["fact_id"], "estimate") for code, frame in rows.items()}
    while True:
        started, done = time.perf_counter(), 0
        for code, frame in rows.items():
            chosen = orders[code][: max(1, round(share * frame.height))]
            work(frame, chosen)
            done += len(chosen)
        seconds = time.perf_counter() - started
        if seconds >= _TARGET_SECONDS or done >= total:
            return seconds * total / max(done, 1)
        share = min(1.0, share * min(8.0, 1.3 * _TARGET_SECONDS / max(seconds, 1e-3)))


def _integrals(
    workspace: Workspace, weights: LoadedModel, rows: dict[str, pl.DataFrame]
) -> dict[str, float]:
    """Seconds of integrated gradients, from two facts; none where the study has none."""
    from dagster_project.steps.knowledge_neurons import path_settings
    from models_gpu.methods.knowledge_neurons import knowledge_neurons

    block = workspace.study.attribution.integrated_gradients
    languages = [code for code in workspace.plan.study.knowledge_languages if code in rows]
    if block is None or not languages:
        return {}
    frame = rows[languages[0]]
    chosen = shuffled(frame["fact_id"], "estimate")[:2]
    started = time.perf_counter()
    knowledge_neurons(weights, frame, chosen, settings=path_settings(block), top=block.top)
    each = (time.perf_counter() - started) / len(chosen)
    count = sum(min(block.facts or rows[code].height, rows[code].height) for code in languages)
    return {"knowledge_neurons": each * count}
