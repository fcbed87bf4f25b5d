"""Sets of neurons: which neurons of a fact are edited together, and their random controls.

What belongs here: knowledge neurons above a threshold, sets made from several languages, random
neurons of the same layers. What does not: running a model. Definitions:
docs/method.md#integrated-gradients and docs/method.md#edits.
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
    "matched_controls",
    "random_controls",
    "random_pool",
    "random_subset",
]

NeuronsOfFacts = Mapping[str, tuple[Neuron, ...]]
"""Neurons of each fact id, best first."""

ALL_LANGUAGES = "all"
"""Language code of neurons that come from all languages."""


def knowledge_neurons_above(rows: pl.DataFrame, threshold: float) -> NeuronsOfFacts:
    """Select neurons whose attribution exceeds threshold · (largest attribution of the fact).

    Args:
        rows: ``fact_id, neuron_rank, layer_index, neuron_index, attribution_score`` of one language
            and mode. Only the neurons in these rows can be selected.
        threshold: τ, between 0 and 1. A fact without a positive attribution has no knowledge
            neuron.
    """
    score, largest = pl.col("attribution_score"), pl.col("attribution_score").max().over("fact_id")
    return _by_fact(rows.filter((score > 0) & (score > threshold * largest)))


def first_neurons(rows: pl.DataFrame, count: int) -> NeuronsOfFacts:
    """Select the best ``count`` neurons of every fact, by ``neuron_rank``."""
    return _by_fact(rows.filter(pl.col("neuron_rank") <= count))


def joint_neurons(
    per_language: Sequence[Sequence[Neuron]],
) -> tuple[tuple[Neuron, ...], Counter[Neuron]]:
    """Find the neurons that all languages share (LIKN).

    Returns:
        The shared neurons, sorted; and for every neuron the number of languages that have it.
    """
    language_counts = Counter(neuron for own in per_language for neuron in set(own))
    shared = tuple(sorted(n for n, count in language_counts.items() if count == len(per_language)))
    return shared, language_counts


def random_controls(
    neurons: Sequence[Neuron], units: int, names: Sequence[object]
) -> tuple[Neuron, ...]:
    """Draw for each neuron a random control in the same layer, without replacement.

    The given neurons are not drawn, unless a layer has too few other neurons.

    Args:
        neurons: distinct neurons.
        units: neurons per layer.
        names: seed of the draw; equal names give an equal draw.

    Returns:
        One control per neuron, in the same order.
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


def random_pool(
    neurons: Sequence[Neuron], units: int, per_neuron: int, names: Sequence[object]
) -> tuple[Neuron, ...]:
    """Draw random neurons of the same layers, among which ``matched_controls`` chooses.

    Args:
        neurons: distinct neurons. They are not drawn, unless a layer has too few other neurons.
        units: neurons per layer.
        per_neuron: neurons to draw for each given one, if the layer has as many.
        names: seed of the draw; equal names give an equal draw.
    """
    draw = generator(*names)
    drawn: list[Neuron] = []
    for layer in sorted({layer for layer, _ in neurons}):
        own = [unit for place, unit in neurons if place == layer]
        pool = np.setdiff1d(np.arange(units), own)
        if len(pool) < len(own):
            pool = np.arange(units)
        size = min(len(pool), per_neuron * len(own))
        drawn += [(layer, int(unit)) for unit in draw.choice(pool, size, replace=False)]
    return tuple(drawn)


def matched_controls(
    effects: Mapping[Neuron, float], pool_effects: Mapping[Neuron, float]
) -> tuple[Neuron, ...]:
    """Choose for each neuron the control of its layer whose own effect is closest to its own.

    Strong neurons choose first, because few controls are as strong. No control is chosen twice.

    Args:
        effects: effect of each neuron alone, in the order of the result.
        pool_effects: the same of the possible controls, at least as many in each layer.
    """
    left = dict(pool_effects)
    chosen: dict[Neuron, Neuron] = {}
    for neuron in sorted(effects, key=lambda n: -abs(effects[n])):
        here = [control for control in left if control[0] == neuron[0]]
        chosen[neuron] = min(here, key=lambda c: abs(left[c] - effects[neuron]))
        del left[chosen[neuron]]
    return tuple(chosen[neuron] for neuron in effects)


def random_subset(
    neurons: Sequence[Neuron], count: int, names: Sequence[object]
) -> tuple[Neuron, ...]:
    """Draw ``count`` of the neurons, or all if there are fewer; ``names`` are the seed."""
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
