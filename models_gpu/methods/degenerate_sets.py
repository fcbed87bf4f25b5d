"""Degenerate sets: sets of neurons in which any one neuron is enough, found by greedy search.

What belongs here: the search, and the rows of the lake table ``degenerate_sets``. What does not:
all pairs (``models_gpu.methods.degenerate_pairs``), running edits (``models_gpu.engine.edits``),
thresholds (SQL). Definitions: docs/method.md#degenerate-neurons.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import polars as pl

from models_gpu.engine.edits import Neuron, build_edits, run_edits
from models_gpu.lake_rows import lake_rows, lake_schema
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.neuron_sets import NeuronsOfFacts, random_controls
from models_gpu.progress import Progress, one_part
from models_gpu.prompting.build import build_queries, facts_among

__all__ = ["degenerate_sets"]

_Places = frozenset[int]
"""Suppressed candidates of a fact, by their place from 0."""


def degenerate_sets(
    model: LoadedModel,
    facts: pl.DataFrame,
    candidates: NeuronsOfFacts,
    *,
    largest: int,
    seed: int,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Search the most degenerate set of each size among the candidates of each fact.

    gap(set) = min over its neurons of log P(all others suppressed) - log P(all suppressed).

    The greedy search starts with the pair of the largest gap. It then adds one neuron at a time:
    the one with which the gap is largest, and of equal ones the better candidate. A large gap means
    that the model needs some neuron of the set, but no particular one.

    A search finds a set among any neurons. So the same search is run as a control among equally
    many random neurons of the same layers. All searches of one size share the batches of edits.

    Args:
        model: from ``models_gpu.loading.load``.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label``; facts
            without candidates are ignored.
        candidates: knowledge neurons of each fact, best first. Fewer than two give no set.
        largest: neurons of the largest set, at least 2; all candidates if a fact has fewer.
        seed: seed of the random neurons.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with work done and work in all.

    Returns:
        Columns of the lake table ``degenerate_sets`` without model and language, sorted by key.

    Raises:
        ModelError: a fact with candidates that is not in ``facts``, and as ``run_edits``.
    """
    queries = build_queries(model, facts_among(facts, candidates), "gold")
    units = model.view.neuron_count
    searches: list[_Search] = []
    for row, fact in enumerate(queries.fact_ids.to_list()):
        own = candidates[fact]
        controls = random_controls(own, units, (seed, "pairs", fact, "random"))
        searches += [_Search(fact, row, False, own), _Search(fact, row, True, controls)]
    # All pairs are tried; a larger set grows by one neuron, and needs its subsets too.
    most = max((len(search.neurons) for search in searches), default=0)
    costs = [most * most / 2, *(max(1, most - size) * size for size in range(3, largest + 1))]
    for size in range(2, largest + 1):
        report = one_part(progress, sum(costs[: size - 2]), costs[size - 2], sum(costs))
        wanted = [(search, places) for search in searches for places in search.unknown(size)]
        edited = [search.neurons_at(places) for search, places in wanted]
        edits = build_edits(
            [search.row for search, _ in wanted],
            edited,
            [[0.0] * len(neurons) for neurons in edited],
        )
        results = run_edits(model, queries, edits, token_budget=token_budget, progress=report)
        for (search, places), log_prob in zip(wanted, results.log_prob.tolist(), strict=True):
            search.log_probs[places] = log_prob
        for search in searches:
            search.grow(size)
    found = [row for search in searches for row in search.rows]
    frame = pl.DataFrame(found, schema=lake_schema("degenerate_sets"), orient="row")
    return lake_rows("degenerate_sets", [frame])


class _Search:
    """The search among the candidates of one fact, or among their random controls."""

    def __init__(self, fact: str, row: int, is_random: bool, neurons: Sequence[Neuron]) -> None:
        self.fact, self.row, self.is_random, self.neurons = fact, row, is_random, neurons
        self.log_probs: dict[_Places, float] = {}
        """Log P of the object without these neurons, for all suppressions that were run."""
        self.members: tuple[int, ...] = ()
        self.rows: list[tuple[object, ...]] = []

    def neurons_at(self, places: _Places) -> tuple[Neuron, ...]:
        """Get the neurons at these places, best first."""
        return tuple(self.neurons[place] for place in sorted(places))

    def unknown(self, size: int) -> list[_Places]:
        """List the suppressions that must be run before a set of this size can be chosen."""
        needed: dict[_Places, None] = {}
        for grown in self._grown(size):
            needed |= dict.fromkeys([frozenset(), frozenset(grown), *_all_but_one(grown)])
        return [places for places in needed if places not in self.log_probs]

    def grow(self, size: int) -> None:
        """Choose the set of this size and add its row; do nothing with too few neurons."""
        choices = self._grown(size)
        if not choices:
            return
        # max returns the first of equal sets: the one with the best candidates.
        self.members = max(choices, key=self._gap)
        placed = [self.neurons[place] for place in self.members]
        self.rows.append(
            (
                self.fact,
                self.is_random,
                size,
                [place + 1 for place in self.members],
                [layer for layer, _ in placed],
                [unit for _, unit in placed],
                self.log_probs[frozenset()],
                self._one_left(self.members),
                self.log_probs[frozenset(self.members)],
            )
        )

    def _grown(self, size: int) -> list[tuple[int, ...]]:
        """List the sets of this size that the search compares, best candidates first."""
        everywhere = range(len(self.neurons))
        if size == 2:
            return list(combinations(everywhere, 2))
        if len(self.members) < size - 1:
            return []
        return [(*self.members, place) for place in everywhere if place not in self.members]

    def _one_left(self, places: Sequence[int]) -> float:
        """Lowest log P with all but one of the neurons suppressed."""
        return min(self.log_probs[rest] for rest in _all_but_one(places))

    def _gap(self, places: Sequence[int]) -> float:
        return self._one_left(places) - self.log_probs[frozenset(places)]


def _all_but_one(places: Sequence[int]) -> list[_Places]:
    return [frozenset(places) - {place} for place in places]
