"""Degenerate pairs: log P of a fact without one neuron of a pair, without the other, without both.

What belongs here: which pairs are suppressed, and the rows of the lake table ``degenerate_pairs``.
What does not: running edits (``models_gpu.engine.edits``), thresholds and verdicts (SQL).
Definitions: docs/method.md#degenerate-neurons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import polars as pl

from models_gpu.engine.edits import Neuron, build_edits, run_edits
from models_gpu.engine.precision import in_float64
from models_gpu.lake_rows import lake_rows, lake_schema
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.neuron_sets import NeuronsOfFacts, matched_controls, random_pool
from models_gpu.progress import Progress, one_part
from models_gpu.prompting.build import build_queries, facts_among
from models_gpu.seeded import generator

__all__ = ["degenerate_pairs"]

_POOL = 16
"""Random neurons per candidate, among which its control is chosen."""


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

    As a control, some pairs are repeated with random neurons of the same layers. Most neurons do
    nothing, and two that do nothing do not interact: so of 16 random neurons for each candidate the
    one is taken that costs as much alone, as nearly as possible. Everything is computed in float64,
    because the interaction of weak neurons is smaller than the error of float32.

    Args:
        model: from ``models_gpu.loading.load``.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label``; facts
            without candidates are ignored.
        candidates: knowledge neurons of each fact, best first.
        random_pairs: largest number of random pairs per fact.
        seed: seed of the random neurons and of the choice of pairs.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with work done and work in all.

    Returns:
        Columns of the lake table ``degenerate_pairs`` without model and language, sorted by key.

    Raises:
        ModelError: a fact with candidates that is not in ``facts``, and as ``run_edits``.
    """
    queries = build_queries(model, facts_among(facts, candidates), "gold")
    units = model.view.neuron_count
    tried = [
        _Fact(fact, row, candidates[fact], units, random_pairs, seed)
        for row, fact in enumerate(queries.fact_ids.to_list())
    ]
    counts = [(len(fact.singles), fact.pair_count) for fact in tried]
    single_count, pair_count = (sum(own) for own in zip(*counts, strict=True)) if counts else (0, 0)
    total = single_count + pair_count
    with in_float64(model) as wide:

        def run(neurons: Sequence[tuple[int, tuple[Neuron, ...]]], report: Progress) -> list[float]:
            rows, edited = [row for row, _ in neurons], [own for _, own in neurons]
            edits = build_edits(rows, edited, [[0.0] * len(own) for own in edited])
            results = run_edits(wide, queries, edits, token_budget=token_budget, progress=report)
            log_probs: list[float] = results.log_prob.tolist()
            return log_probs

        alone = [(fact.row, own) for fact in tried for own in fact.singles]
        singles = iter(run(alone, one_part(progress, 0, single_count, total)))
        for fact in tried:
            fact.set_singles(singles)
        pairs = [pair for fact in tried for pair in fact.pairs()]
        both = [(pair.fact.row, (pair.a, pair.b)) for pair in pairs]
        together = run(both, one_part(progress, single_count, pair_count, total))
    found = [pair.values(log_prob) for pair, log_prob in zip(pairs, together, strict=True)]
    frame = pl.DataFrame(found, schema=lake_schema("degenerate_pairs"), orient="row")
    return lake_rows("degenerate_pairs", [frame])


class _Fact:
    """A fact's candidates and the random neurons among which their controls are chosen."""

    def __init__(
        self,
        name: str,
        row: int,
        own: tuple[Neuron, ...],
        units: int,
        random_pairs: int,
        seed: int,
    ) -> None:
        self.name, self.row, self.own = name, row, own
        self.random_pairs, self.seed = random_pairs, seed
        size = _POOL if random_pairs else 0
        pool = random_pool(own, units, size, (seed, "pairs", name, "random"))
        self.singles: list[tuple[Neuron, ...]] = [(), *((n,) for n in dict.fromkeys(own + pool))]
        """Suppressions of no neuron and of each neuron alone."""
        self.pool = pool
        self.log_probs: dict[tuple[Neuron, ...], float] = {}

    @property
    def pair_count(self) -> int:
        """How many pairs ``pairs`` lists."""
        count = comb(len(self.own), 2)
        return count + min(self.random_pairs, count)

    def set_singles(self, log_probs: Iterator[float]) -> None:
        """Take the log-probabilities of this fact's ``singles`` from those of all facts."""
        self.log_probs = dict(zip(self.singles, log_probs, strict=False))

    def pairs(self) -> list[_Pair]:
        """List all pairs of candidates, then random pairs that stand for some of them."""
        places = list(combinations(range(len(self.own)), 2))
        own = [_Pair(self, False, a, b, self.own[a], self.own[b]) for a, b in places]
        if not self.random_pairs:
            return own
        draw = generator(self.seed, "pairs", self.name)
        chosen = draw.choice(len(places), min(self.random_pairs, len(places)), replace=False)
        clean = self.log_probs[()]
        effects, pool_effects = (
            {neuron: self.log_probs[(neuron,)] - clean for neuron in neurons}
            for neurons in (self.own, self.pool)
        )
        controls = matched_controls(effects, pool_effects)
        random = [places[place] for place in sorted(chosen.tolist())]
        return own + [_Pair(self, True, a, b, controls[a], controls[b]) for a, b in random]


@dataclass(frozen=True)
class _Pair:
    """Two neurons of a fact that are suppressed together."""

    fact: _Fact
    is_random: bool
    place_a: int
    """Place of the first candidate among those of the fact, from 0."""
    place_b: int
    a: Neuron
    b: Neuron

    def values(self, together: float) -> tuple[object, ...]:
        """Row of the lake, from the log-probability without both neurons."""
        alone = self.fact.log_probs
        return (
            self.fact.name, self.is_random, self.place_a + 1, self.place_b + 1, *self.a, *self.b,
            alone[()], alone[(self.a,)], alone[(self.b,)], together,
        )  # fmt: skip
