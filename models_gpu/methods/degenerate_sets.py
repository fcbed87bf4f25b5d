"""Degenerate sets: neurons of which any one will do, found greedily (docs/method.md#degenerate-neurons, beyond pairs).

What belongs here: the search, and the rows of the lake table ``degenerate_sets``. What does not:
all pairs (``models_gpu.methods.degenerate_pairs``), running edits (``models_gpu.engine.edits``),
thresholds (SQL).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import polars as pl

from models_gpu.engine.edits import Neuron, build_edits, run_edits
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.neuron_sets import NeuronsOfFacts, random_counterparts
from models_gpu.prompting.queries import build_queries, facts_among

__all__ = ["degenerate_sets"]

Progress = Callable[[int, int], None]
_Places = frozenset[int]
"""Which of a fact's candidates are suppressed, by their place from 0."""

_SCHEMA = pl.Schema(
    {
        "fact_id": pl.String(),
        "is_random": pl.Boolean(),
        "set_size": pl.Int32(),
        "neuron_ranks": pl.List(pl.Int32),
        "layer_indexes": pl.List(pl.Int32),
        "neuron_indexes": pl.List(pl.Int32),
        "log_prob": pl.Float64(),
        "one_left_log_prob": pl.Float64(),
        "none_left_log_prob": pl.Float64(),
    }
)


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
    """The most degenerate set of each size among a fact's candidates, by greedy search.

    The *gap* of a set is what the last of its neurons is worth: log P with all but one of them
    suppressed, where that is lowest, less log P with all of them suppressed. The search begins with
    the pair of the largest gap and puts in one neuron after the other, each time the one with which
    the gap is largest; of equal ones the better candidate. For a pair whose gap is large, either
    neuron can do without the other (docs/method.md#degenerate-neurons), and so on for more.

    A search finds something in any neurons. Beside each stands the same search among as many random
    neurons of the same layers. All searches of a size go in one batch of edits.

    Args:
        model: from ``models_gpu.loading.load``.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label``; others than
            those with candidates may be there or not.
        candidates: per fact, its knowledge neurons, best first; with fewer than two, none is found.
        largest: neurons of the largest sets, at least 2; all of a fact's, where there are fewer.
        seed: of the random neurons.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with rows done and rows in all, for each size.

    Returns:
        Columns of the lake table ``degenerate_sets`` without model and language, sorted by key.

    Raises:
        ModelError: a fact with candidates that is not in ``facts``, and as ``run_edits``.
    """
    queries = build_queries(model, facts_among(facts, list(candidates)), "gold")
    units = model.view.neuron_count
    searches: list[_Search] = []
    for row, fact in enumerate(queries.fact_ids.to_list()):
        own = candidates[fact]
        controls = random_counterparts(own, units, (seed, "pairs", fact, "random"))
        searches += [_Search(fact, row, False, own), _Search(fact, row, True, controls)]
    for size in range(2, largest + 1):
        wanted = [(search, places) for search in searches for places in search.unknown(size)]
        edited = [search.neurons_at(places) for search, places in wanted]
        edits = build_edits(
            [search.row for search, _ in wanted],
            edited,
            [[0.0] * len(neurons) for neurons in edited],
        )
        answers = run_edits(model, queries, edits, token_budget=token_budget, progress=progress)
        for (search, places), log_prob in zip(wanted, answers.log_prob.tolist(), strict=True):
            search.log_probs[places] = log_prob
        for search in searches:
            search.grow(size)
    found = [row for search in searches for row in search.rows]
    return pl.DataFrame(found, schema=_SCHEMA, orient="row").sort(list(_SCHEMA)[:3])


class _Search:
    """The search among the candidates of one fact, or among their random counterparts."""

    def __init__(self, fact: str, row: int, is_random: bool, neurons: Sequence[Neuron]) -> None:
        self.fact, self.row, self.is_random, self.neurons = fact, row, is_random, neurons
        self.log_probs: dict[_Places, float] = {}
        """Log P of the answer without these neurons, as far as it was asked."""
        self.members: tuple[int, ...] = ()
        self.rows: list[tuple[object, ...]] = []

    def neurons_at(self, places: _Places) -> tuple[Neuron, ...]:
        """The neurons at these places, best first."""
        return tuple(self.neurons[place] for place in sorted(places))

    def unknown(self, size: int) -> list[_Places]:
        """Suppressions that have to be asked before a set of this size can be chosen."""
        needed: dict[_Places, None] = {}
        for grown in self._grown(size):
            needed |= dict.fromkeys([frozenset(), frozenset(grown), *_all_but_one(grown)])
        return [places for places in needed if places not in self.log_probs]

    def grow(self, size: int) -> None:
        """Choose the set of this size and keep its row; nothing where neurons do not suffice."""
        choices = self._grown(size)
        if not choices:
            return
        # max takes the first of equal ones: the best candidates.
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
        """The sets of this size among which one is chosen, in the order of their candidates."""
        everywhere = range(len(self.neurons))
        if size == 2:
            return list(combinations(everywhere, 2))
        if len(self.members) < size - 1:
            return []
        return [(*self.members, place) for place in everywhere if place not in self.members]

    def _one_left(self, places: Sequence[int]) -> float:
        return min(self.log_probs[rest] for rest in _all_but_one(places))

    def _gap(self, places: Sequence[int]) -> float:
        return self._one_left(places) - self.log_probs[frozenset(places)]


def _all_but_one(places: Sequence[int]) -> list[_Places]:
    return [frozenset(places) - {place} for place in places]
