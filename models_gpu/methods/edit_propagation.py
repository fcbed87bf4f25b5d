"""Edit propagation: a fact is changed in one language, and the model is asked in the others.

What belongs here: the gradient steps, the questions before and after them, and the rows of the lake
table ``edit_propagations``. What does not: which object a fact gets
(``models_gpu.methods.counterfactuals``), rates (SQL). Definitions:
docs/signals.md#edit-propagation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch

from models_gpu.engine.object_losses import object_scores, trainable, weights_kept
from models_gpu.errors import ModelError
from models_gpu.lake_rows import lake_rows, lake_schema
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.counterfactuals import Counterfactual
from models_gpu.progress import Progress
from models_gpu.prompting.build import FACT_COLUMNS, build_queries
from models_gpu.prompting.causal_prompts import NO_SUBJECT
from models_gpu.prompting.queries import Queries
from models_gpu.settings import PropagationSettings

__all__ = ["edit_propagation", "edited_weights"]

EDITED, CONTROL = "edited", "control"


def edit_propagation(
    model: LoadedModel,
    language: str,
    facts: Mapping[str, pl.DataFrame],
    changes: Sequence[Counterfactual],
    *,
    settings: PropagationSettings | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Change each fact in one language, and ask for its new object in every language.

    A change is plain gradient descent on -log P(new object | query in ``language``), from the
    model's own weights, until the new object has ``stop_probability`` or ``steps`` are done. Then
    the model is asked about the fact and about the control, for the new object and for the queried
    fact's own. After that the weights are restored, bit by bit, so that no change depends on
    another one.

    Args:
        model: from ``models_gpu.loading.load``, in float32. Its weights are the same afterwards.
        language: language of the changed statements, one of ``facts``.
        facts: per language the columns ``FACT_COLUMNS``. A change whose fact is not there in
            ``language`` is left out, and a question about a fact that a language lacks.
        changes: from ``counterfactuals``.
        settings: the gradient descent.
        progress: called with changes done and changes in all.

    Returns:
        Columns of the lake table ``edit_propagations`` without model and language, sorted by key.
        A causal model is not asked where its prompt lacks the subject.

    Raises:
        ModelError: a model in half precision, a change that makes numbers infinite, and as
            ``build_queries``.
    """
    settings = settings or PropagationSettings()
    if model.dtype != torch.float32:
        raise ModelError(
            f"edit propagation needs dtype float32, the model has {model.dtype}: in half precision "
            "steps of this size are lost by rounding. Set 'dtype: float32' for the model"
        )
    asked, queries, row_of = _questions(model, facts, changes)
    weights = edited_weights(model, settings.weights)
    rows: list[dict[str, Any]] = []
    with weights_kept(weights) as restore:
        before = _ask(model, queries, sorted(row_of.values()))
        for done, change in enumerate(changes, 1):
            own = asked.filter(pl.col("change_id") == change.fact_id)
            target = row_of.get(_name(change.fact_id, language, EDITED, "new"))
            if target is not None:
                steps = _descend(model, queries, target, weights, settings, change.fact_id)
                after = _ask(model, queries, [row_of[name] for name in own["fact_id"]])
                restore()
                rows += _rows(own, row_of, before, after, steps)
            if progress is not None:
                progress(done, len(changes))
    return lake_rows(
        "edit_propagations",
        [pl.DataFrame(rows, schema=lake_schema("edit_propagations"))] if rows else [],
    )


def edited_weights(model: LoadedModel, which: str) -> list[torch.nn.Parameter]:
    """Parameters that are changed: 'all', or 'ffn', the weights of the down projections."""
    if which == "all":
        return list(model.view.model.parameters())
    return [
        parameter
        for projection in model.view.down_projections
        for name, parameter in projection.named_parameters()
        if name == "weight"
    ]


def _name(change: str, language: str, query: str, which: str) -> str:
    return "\x1f".join((change, language, query, which))


def _questions(
    model: LoadedModel, facts: Mapping[str, pl.DataFrame], changes: Sequence[Counterfactual]
) -> tuple[pl.DataFrame, Queries, dict[str, int]]:
    """Build all questions: one row per change, language, subject and object.

    Returns:
        The questions that can be asked, with the change, the language and the fact of each; their
        queries; the row of each in the queries.
    """
    found: list[dict[str, Any]] = []
    for language, rows in facts.items():
        known = {row["fact_id"]: row for row in rows.select(FACT_COLUMNS).iter_rows(named=True)}
        for change in changes:
            for query, fact in ((EDITED, change.fact_id), (CONTROL, change.control_fact_id)):
                if fact not in known:
                    continue
                shared = {
                    "change_id": change.fact_id,
                    "target_language_code": language,
                    "query_code": query,
                    "queried_fact_id": fact,
                    "new_object_id": change.new_object_id,
                    "new_object_label": change.new_labels[language],
                }
                labels = {
                    "new": change.new_labels[language],
                    "old": known[fact]["object_label"],
                }
                for which, label in labels.items():
                    name = _name(change.fact_id, language, query, which)
                    own = {**known[fact], "fact_id": name, "object_label": label}
                    found.append({**own, **shared, "which": which})
    columns = dict.fromkeys(
        (*FACT_COLUMNS, "change_id", "target_language_code", "query_code", "queried_fact_id",
         "new_object_id", "new_object_label", "which"),
        pl.String,
    )  # fmt: skip
    table = pl.DataFrame(found, schema=columns)
    queries = build_queries(model, table.select(FACT_COLUMNS), "gold", leaves_out=True)
    golds = np.diff(queries.gold_offsets)
    names, codes = queries.fact_ids.to_list(), queries.prompt_codes.to_list()
    row_of = {
        names[fact]: row
        for row, fact in enumerate(queries.row_fact.tolist())
        if golds[fact] > 0 and codes[fact] != NO_SUBJECT
    }
    # Both objects are needed: a question without one of them is left out.
    question = ["change_id", "target_language_code", "query_code"]
    table = table.filter(pl.col("fact_id").is_in(list(row_of))).filter(pl.len().over(question) == 2)
    kept = set(table["fact_id"])
    return table, queries, {name: row for name, row in row_of.items() if name in kept}


def _descend(
    model: LoadedModel,
    queries: Queries,
    row: int,
    weights: Sequence[torch.nn.Parameter],
    settings: PropagationSettings,
    fact: str,
) -> int:
    """Take gradient steps until the object of the row is probable enough; count them."""
    wanted = math.log(settings.stop_probability)
    with trainable(weights):
        for step in range(settings.steps):
            log_prob = object_scores(model, queries, [row]).log_probs.sum()
            if not torch.isfinite(log_prob):
                raise ModelError(
                    f"changing fact '{fact}' made log-probabilities infinite after {step} steps: "
                    f"lower learning_rate ({settings.learning_rate})"
                )
            if log_prob.item() >= wanted:
                return step
            (-log_prob).backward()  # type: ignore[no-untyped-call]
            with torch.no_grad():
                for parameter in weights:
                    if parameter.grad is not None:
                        parameter.sub_(parameter.grad, alpha=settings.learning_rate)
                        parameter.grad = None
    return settings.steps


@torch.no_grad()
def _ask(
    model: LoadedModel, queries: Queries, rows: Sequence[int]
) -> dict[int, tuple[float, bool]]:
    """Score rows: row → log-probability of its object, and whether it is the answer."""
    if not rows:
        return {}
    scores = object_scores(model, queries, rows)
    values = zip(scores.log_probs.double().tolist(), scores.is_top.tolist(), strict=True)
    return dict(zip(rows, values, strict=True))


def _rows(
    own: pl.DataFrame,
    row_of: Mapping[str, int],
    before: Mapping[int, tuple[float, bool]],
    after: Mapping[int, tuple[float, bool]],
    steps: int,
) -> list[dict[str, Any]]:
    """Rows of the lake of one change."""
    found = []
    for question in own.filter(pl.col("which") == "new").iter_rows(named=True):
        new = row_of[question["fact_id"]]
        place = (question["change_id"], question["target_language_code"], question["query_code"])
        old = row_of[_name(*place, "old")]
        names = ("target_language_code", "query_code", "queried_fact_id", "new_object_id",
                 "new_object_label")  # fmt: skip
        found.append(
            {
                **{name: question[name] for name in names},
                "fact_id": question["change_id"],
                "step_count": steps,
                "new_log_prob_before": before[new][0],
                "new_log_prob_after": after[new][0],
                "is_new_top_before": before[new][1],
                "is_new_top_after": after[new][1],
                "old_log_prob_before": before[old][0],
                "old_log_prob_after": after[old][0],
            }
        )
    return found
