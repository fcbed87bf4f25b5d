"""Neuron sets: which neurons of a fact are edited together, and their random counterparts.

What belongs here: knowledge neurons at a threshold, sets made of those of several languages, random
neurons of the same layers. What does not: running a model. Definitions:
docs/method.md#integrated-gradients, §7.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from models_gpu.engine.edits import Neuron
from models_gpu.seeded import generator

__all__ = [
    "ALL_LANGUAGES",
    "NeuronsOfFacts",
    "first_neurons",
    "joint_neurons",
    "knowledge_neurons_above",
    "random_counterparts",
    "random_subset",
]

NeuronsOfFacts = Mapping[str, tuple[Neuron, ...]]
"""Fact id → its neurons, best first."""

ALL_LANGUAGES = "all"
"""Stands for a language where neurons come from all of them."""


def knowledge_neurons_above(rows: pl.DataFrame, threshold: float) -> NeuronsOfFacts:
    """Neurons whose attribution is above the threshold times the fact's largest (docs/method.md#integrated-gradients).

    Args:
        rows: ``fact_id, neuron_rank, layer_index, neuron_index, attribution_score`` of one language
            and mode; neurons that the lake left out are not found.
        threshold: τ. A fact without any positive attribution has no knowledge neuron.
    """
    score, largest = pl.col("attribution_score"), pl.col("attribution_score").max().over("fact_id")
    return _by_fact(rows.filter((score > 0) & (score > threshold * largest)))


def first_neurons(rows: pl.DataFrame, count: int) -> NeuronsOfFacts:
    """The first so many neurons of every fact, by ``neuron_rank``."""
    return _by_fact(rows.filter(pl.col("neuron_rank") <= count))


def joint_neurons(
    per_language: Sequence[Sequence[Neuron]],
) -> tuple[tuple[Neuron, ...], Counter[Neuron]]:
    """The neurons that all languages share (LIKN), sorted, and how many languages hold each."""
    held = Counter(neuron for own in per_language for neuron in set(own))
    shared = tuple(sorted(neuron for neuron, count in held.items() if count == len(per_language)))
    return shared, held


def random_counterparts(
    neurons: Sequence[Neuron], units: int, names: Sequence[object]
) -> tuple[Neuron, ...]:
    """For each neuron another one of its layer, drawn without replacement.

    None of the neurons themselves is drawn, save where a layer has too few others.

    Args:
        neurons: distinct neurons.
        units: neurons per layer.
        names: what the draw is for; it follows from these names alone.
    """
    draw = generator(*names)
    chosen: dict[Neuron, Neuron] = {}
    for layer in sorted({layer for layer, _ in neurons}):
        own = [unit for place, unit in neurons if place == layer]
        pool = np.setdiff1d(np.arange(units), own)
        if len(pool) < len(own):
            pool = np.arange(units)
        drawn = draw.choice(pool, len(own), replace=False)
        chosen |= {(layer, a): (layer, int(b)) for a, b in zip(own, drawn, strict=True)}
    return tuple(chosen[neuron] for neuron in neurons)


def random_subset(
    neurons: Sequence[Neuron], count: int, names: Sequence[object]
) -> tuple[Neuron, ...]:
    """So many of the neurons (all, where there are no more), drawn by the names alone."""
    ordered = sorted(neurons)
    places = generator(*names).choice(len(ordered), min(count, len(ordered)), replace=False)
    return tuple(ordered[place] for place in sorted(places.tolist()))


def _by_fact(rows: pl.DataFrame) -> NeuronsOfFacts:
    grouped = (
        rows.sort("fact_id", "neuron_rank")
        .group_by("fact_id", maintain_order=True)
        .agg("layer_index", "neuron_index")
    )
    return {
        fact: tuple(zip(layers, units, strict=True)) for fact, layers, units in grouped.iter_rows()
    }
