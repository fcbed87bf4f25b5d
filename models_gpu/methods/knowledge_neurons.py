"""Knowledge neurons: the neurons with the largest attributions, as rows of the lake.

What belongs here: the best neurons of each fact and the completeness of each layer's attributions,
as rows of ``knowledge_neurons`` and ``attribution_quality``. What does not: the integral
(``models_gpu.methods.integrated_gradients``), the choice of facts, the threshold τ (SQL).
Definitions: docs/method.md#integrated-gradients.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from models_gpu.engine.activations import neurons_per_layer
from models_gpu.errors import ModelError
from models_gpu.lake_rows import lake_rows
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.integrated_gradients import Attributions, attribute
from models_gpu.progress import Progress
from models_gpu.prompting.build import build_queries, facts_among
from models_gpu.settings import PathSettings

__all__ = ["KnowledgeTables", "knowledge_neurons"]


@dataclass(frozen=True)
class KnowledgeTables:
    """Rows of two lake tables, without ``model_id`` and ``language_code``, sorted by key."""

    knowledge_neurons: pl.DataFrame
    """One row per fact and rank: a neuron and its attribution."""
    attribution_quality: pl.DataFrame
    """One row per fact and layer: F at both ends of the line, and the completeness residual."""


def knowledge_neurons(
    model: LoadedModel,
    facts: pl.DataFrame,
    chosen: Collection[str],
    *,
    settings: PathSettings,
    top: int,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> KnowledgeTables:
    """Find the neurons with the largest attributions for each chosen fact of one language.

    Neurons are ranked by signed attribution; equal ones by layer, then by unit. The rows of a fact
    depend on this fact alone, except for rounding (see ``attribute``).

    Args:
        model: from ``models_gpu.loading.load``.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label``.
        chosen: ids of the facts to attribute; other facts are ignored.
        settings: the integral.
        top: number of neurons per fact.
        token_budget: most tokens of a batch of rows; chosen for the device when None.
        progress: called with work done and work in all.

    Returns:
        Rows of the lake tables.

    Raises:
        ModelError: a chosen fact that is not in ``facts``, facts without valid queries (see
            ``build_queries``), ``top`` above the model's number of neurons, and as ``attribute``.
    """
    count = len(model.view.layers) * neurons_per_layer(model.view, "ffn")
    if not 1 <= top <= count:
        raise ModelError(f"top is {top}; the model has 1 to {count} neurons")
    queries = build_queries(model, facts_among(facts, chosen), "gold")
    tokens = np.diff(queries.gold_offsets)
    neurons: list[pl.DataFrame] = []
    quality: list[pl.DataFrame] = []
    for found in attribute(model, queries, settings, token_budget=token_budget, progress=progress):
        fact_ids = queries.fact_ids.gather(found.facts)
        neurons.append(_neuron_rows(fact_ids, found, top))
        quality.append(_quality_rows(fact_ids, tokens[found.facts], found))
    mode = pl.lit(settings.mode).alias("mode_code")
    return KnowledgeTables(
        lake_rows("knowledge_neurons", [frame.with_columns(mode) for frame in neurons]),
        lake_rows("attribution_quality", [frame.with_columns(mode) for frame in quality]),
    )


def _neuron_rows(fact_ids: pl.Series, found: Attributions, top: int) -> pl.DataFrame:
    units = found.scores.shape[-1]
    by_fact = found.scores.transpose(0, 1).flatten(1).float()
    # A stable sort keeps equal scores in the order of their neurons; topk does not.
    scores, order = by_fact.sort(dim=1, descending=True, stable=True)
    neuron = order[:, :top].cpu().numpy()
    return pl.DataFrame(
        {
            "fact_id": fact_ids.gather(np.repeat(np.arange(len(neuron)), top)),
            "neuron_rank": np.tile(np.arange(1, top + 1, dtype=np.int32), len(neuron)),
            "layer_index": (neuron // units).astype(np.int32).reshape(-1),
            "neuron_index": (neuron % units).astype(np.int32).reshape(-1),
            "attribution_score": scores[:, :top].cpu().numpy().reshape(-1),
        }
    )


def _quality_rows(fact_ids: pl.Series, tokens: np.ndarray, found: Attributions) -> pl.DataFrame:
    layers, facts = found.baseline.shape
    total = found.scores.sum(-1, dtype=torch.float64)
    clean, baseline = found.clean.double(), found.baseline.double()
    residual = (total - found.baseline_counts.double() * (clean - baseline)).abs()
    per_fact = np.repeat(np.arange(facts), layers)
    return pl.DataFrame(
        {
            "fact_id": fact_ids.gather(per_fact),
            "layer_index": np.tile(np.arange(layers, dtype=np.int32), facts),
            "object_token_count": tokens[per_fact].astype(np.int32),
            "baseline_count": found.baseline_counts.cpu().numpy().astype(np.int32)[per_fact],
            "clean_probability": clean.cpu().numpy()[per_fact],
            "baseline_probability": baseline.t().cpu().numpy().reshape(-1),
            "attribution_sum": total.t().cpu().numpy().reshape(-1),
            "completeness_residual": residual.t().cpu().numpy().reshape(-1),
        }
    )
