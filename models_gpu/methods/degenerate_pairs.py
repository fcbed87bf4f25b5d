"""Degenerate pairs: log P of a fact without one neuron of a pair, without the other, without both.

What belongs here: which pairs are suppressed, and the rows of the lake table ``degenerate_pairs``.
What does not: running edits (``models_gpu.engine.edits``), thresholds and verdicts (SQL).
Definitions: docs/method.md#degenerate-neurons.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import polars as pl

from models_gpu.engine.edits import Neuron, build_edits, run_edits
from models_gpu.lake_rows import lake_rows, lake_schema
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.neuron_sets import NeuronsOfFacts, random_controls
from models_gpu.progress import Progress
from models_gpu.prompting.build import build_queries, facts_among
from models_gpu.seeded import generator

__all__ = ["degenerate_pairs"]

_Pair = tuple[int, int]


def degenerate_pairs(
    model: LoadedModel,
    facts: pl.DataFrame,
    candidates: NeuronsOfFacts,
    *,
    random_pairs: int,
    seed: int,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Suppress both neurons of every pair of candidates, one by one and together.

    As a control, some pairs are repeated with random neurons of the same layers.

    Args:
        model: from ``models_gpu.loading.load``.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label``; facts
            without candidates are ignored.
        candidates: knowledge neurons of each fact, best first.
        random_pairs: largest number of random pairs per fact.
        seed: seed of the random neurons and of the choice of pairs.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with rows done and rows in all.

    Returns:
        Columns of the lake table ``degenerate_pairs`` without model and language, sorted by key.

    Raises:
        ModelError: a fact with candidates that is not in ``facts``, and as ``run_edits``.
    """
    queries = build_queries(model, facts_among(facts, candidates), "gold")
    rows: list[int] = []
    edited: list[tuple[Neuron, ...]] = []
    groups: list[_PairGroup] = []
    for row, fact in enumerate(queries.fact_ids.to_list()):
        own = candidates[fact]
        pairs = list(combinations(range(len(own)), 2))
        draw = generator(seed, "pairs", fact)
        chosen = draw.choice(len(pairs), min(random_pairs, len(pairs)), replace=False)
        controls = random_controls(own, model.view.neuron_count, (seed, "pairs", fact, "random"))
        for is_random, neurons, tried in (
            (False, own, pairs),
            (True, controls, [pairs[place] for place in sorted(chosen.tolist())]),
        ):
            group = _PairGroup(fact, is_random, neurons, tried, len(rows))
            groups.append(group)
            rows += [row] * len(group.edited)
            edited += group.edited
    edits = build_edits(rows, edited, [[0.0] * len(neurons) for neurons in edited])
    results = run_edits(model, queries, edits, token_budget=token_budget, progress=progress)
    log_probs = results.log_prob.tolist()
    found = [values for group in groups for values in group.rows(log_probs)]
    frame = pl.DataFrame(found, schema=lake_schema("degenerate_pairs"), orient="row")
    return lake_rows("degenerate_pairs", [frame])


class _PairGroup:
    """Pairs of one fact, and the edits that they need: no neuron, each neuron, each pair."""

    def __init__(
        self,
        fact: str,
        is_random: bool,
        neurons: Sequence[Neuron],
        pairs: Sequence[_Pair],
        start: int,
    ) -> None:
        self.fact, self.is_random, self.neurons, self.pairs = fact, is_random, neurons, pairs
        self.start = start
        """Number of the group's first edit: the one without any neuron."""
        needed = sorted({place for pair in pairs for place in pair})
        self.single = {place: start + 1 + number for number, place in enumerate(needed)}
        self.first_pair = start + 1 + len(needed)
        self.edited: list[tuple[Neuron, ...]] = [
            (),
            *((neurons[place],) for place in needed),
            *((neurons[a], neurons[b]) for a, b in pairs),
        ]

    def rows(self, log_probs: Sequence[float]) -> list[tuple[object, ...]]:
        """Rows in the order of the lake's columns, from the log-probabilities of all edits."""
        return [
            (
                self.fact, self.is_random, a + 1, b + 1, *self.neurons[a], *self.neurons[b],
                log_probs[self.start], log_probs[self.single[a]], log_probs[self.single[b]],
                log_probs[self.first_pair + number],
            )
            for number, (a, b) in enumerate(self.pairs)
        ]  # fmt: skip
