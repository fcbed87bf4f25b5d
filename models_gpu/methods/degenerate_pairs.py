"""Degenerate neurons: what is lost without one neuron of a pair, the other, and both (docs/method.md#degenerate-neurons).

What belongs here: which pairs are suppressed, and the rows of the lake table ``degenerate_pairs``.
What does not: running edits (``models_gpu.engine.edits``), thresholds and verdicts (SQL).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import polars as pl

from models_gpu.engine.edits import Neuron, build_edits, run_edits
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.neuron_sets import NeuronsOfFacts, random_counterparts
from models_gpu.prompting.queries import build_queries
from models_gpu.seeded import generator

__all__ = ["degenerate_pairs"]

Progress = Callable[[int, int], None]
_Pair = tuple[int, int]

_SCHEMA = pl.Schema(
    {
        "fact_id": pl.String,
        "is_random": pl.Boolean,
        "neuron_rank_a": pl.Int32,
        "neuron_rank_b": pl.Int32,
        "layer_index_a": pl.Int32,
        "neuron_index_a": pl.Int32,
        "layer_index_b": pl.Int32,
        "neuron_index_b": pl.Int32,
        "log_prob": pl.Float64,
        "log_prob_without_a": pl.Float64,
        "log_prob_without_b": pl.Float64,
        "log_prob_without_both": pl.Float64,
    }
)


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
    """Every pair of a fact's candidates suppressed alone and together, all in one batch of edits.

    As a null, some pairs are repeated with random neurons of the same layers in their place.

    Args:
        model: from ``models_gpu.loading.load``.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label``; others than
            those with candidates may be there or not.
        candidates: per fact, its knowledge neurons, best first.
        random_pairs: random pairs per fact; all where there are fewer.
        seed: of the random neurons and of the choice of pairs.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with rows done and rows in all.

    Returns:
        Columns of the lake table ``degenerate_pairs`` without model and language, sorted by key.

    Raises:
        ModelError: a fact with candidates that is not in ``facts``, and as ``run_edits``.
    """
    unknown_ids = sorted(set(candidates) - set(facts["fact_id"]))
    if unknown_ids:
        raise ModelError(
            f"{len(unknown_ids)} facts with candidates are not among the facts, such as "
            f"'{unknown_ids[0]}'; neurons and facts are of different versions"
        )
    queries = build_queries(model, facts.filter(pl.col("fact_id").is_in(list(candidates))), "gold")
    rows: list[int] = []
    edited: list[tuple[Neuron, ...]] = []
    sets: list[_Set] = []
    units = model.view.neuron_count
    for row, fact in enumerate(queries.fact_ids.to_list()):
        own = candidates[fact]
        every = list(combinations(range(len(own)), 2))
        draw = generator(seed, "pairs", fact)
        chosen = draw.choice(len(every), min(random_pairs, len(every)), replace=False)
        controls = random_counterparts(own, units, (seed, "pairs", fact, "random"))
        for is_random, neurons, pairs in (
            (False, own, every),
            (True, controls, [every[place] for place in sorted(chosen.tolist())]),
        ):
            one = _Set(fact, is_random, neurons, pairs, len(rows))
            sets.append(one)
            rows += [row] * len(one.masks)
            edited += one.masks
    edits = build_edits(rows, edited, [[0.0] * len(neurons) for neurons in edited])
    answers = run_edits(model, queries, edits, token_budget=token_budget, progress=progress)
    log_probs = answers.log_prob.tolist()
    found = [values for one in sets for values in one.rows(log_probs)]
    key = ["fact_id", "is_random", "neuron_rank_a", "neuron_rank_b"]
    return pl.DataFrame(found, schema=_SCHEMA, orient="row").sort(key)


class _Set:
    """The pairs of one fact, and the edits that they need: none, each neuron, each pair."""

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
        needed = sorted({place for pair in pairs for place in pair})
        self.alone = {place: start + 1 + number for number, place in enumerate(needed)}
        self.together = start + 1 + len(needed)
        self.masks: list[tuple[Neuron, ...]] = [
            (),
            *((neurons[place],) for place in needed),
            *((neurons[a], neurons[b]) for a, b in pairs),
        ]

    def rows(self, log_probs: Sequence[float]) -> list[tuple[object, ...]]:
        """Rows in the order of ``_SCHEMA``."""
        return [
            (
                self.fact, self.is_random, a + 1, b + 1, *self.neurons[a], *self.neurons[b],
                log_probs[self.start], log_probs[self.alone[a]], log_probs[self.alone[b]],
                log_probs[self.together + number],
            )
            for number, (a, b) in enumerate(self.pairs)
        ]  # fmt: skip
