"""Fact checks: do the neurons of a relation separate its true objects from wrong ones?

What belongs here: the neurons that the training facts of a relation share, their activations and
attributions for each candidate object, and the rows of the lake table ``fact_checks``. What does
not: the choice of candidates (``models_gpu.methods.negatives``), the threshold λ and the verdicts
(SQL). Definitions: docs/method.md#fact-checks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import polars as pl
import torch

from models_gpu.engine.activations import record_activations
from models_gpu.engine.edits import Neuron, build_edits, run_edits
from models_gpu.lake_rows import lake_rows
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.degenerate_pairs import degenerate_pairs
from models_gpu.methods.integrated_gradients import attribute
from models_gpu.methods.negatives import TRAIN
from models_gpu.methods.neuron_sets import random_controls
from models_gpu.progress import Progress, one_part
from models_gpu.prompting.build import build_queries, facts_among
from models_gpu.prompting.queries import Queries
from models_gpu.settings import CheckSettings

__all__ = ["CheckSettings", "fact_checks", "shared_neurons"]


def fact_checks(
    model: LoadedModel,
    facts: pl.DataFrame,
    pairs: pl.DataFrame,
    *,
    settings: CheckSettings,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Compute attributions and activations of a relation's neurons for true and wrong objects.

    A candidate is queried like an object: with as many masks as it has tokens, or teacher-forced.
    The attribution of a neuron is the sum over the tokens of the candidate, divided by their
    number. Its activation is the mean over the positions at which they are predicted. Both are
    averaged over a set of neurons. A masked model sees nothing of a candidate but its number of
    tokens. So true and wrong candidates of one length have the same activations.

    ``neuron_set_code`` names the set: 'knowledge', neurons above τ of the training facts of the
    relation; 'degenerate', neurons of the degenerate pairs of these facts. ``shared_neurons``
    reduces each to one set per relation. Each set has a control of equally many random neurons of
    the same layers.

    Args:
        model: from ``models_gpu.loading.load``, masked or causal.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label`` of one
            language; facts that are not in ``pairs`` are ignored.
        pairs: from ``checked_pairs``. A fact with a candidate that has no token is left out.
        settings: which neurons.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with candidates done and candidates in all.

    Returns:
        Columns of the lake table ``fact_checks`` without model and language, sorted by key. Scores
        are null for a set without neurons.

    Raises:
        ModelError: a pair of a fact that is not in ``facts``, and as ``attribute``.
    """
    known = facts_among(facts, set(pairs["fact_id"])).select("fact_id", "template", "subject_label")
    candidates = pairs.join(known, on="fact_id", maintain_order="left")
    found: list[pl.DataFrame] = []
    done = 0
    for relation in candidates["relation_id"].unique().sort():
        own = candidates.filter(relation_id=relation)
        report = one_part(progress, done, own.height, candidates.height)
        found += _Relation(model, relation, own, settings, token_budget).frames(report)
        report(1, 1)
        done += own.height
    return lake_rows("fact_checks", found)


def shared_neurons(per_fact: Iterable[Sequence[Neuron]], shared: float) -> tuple[Neuron, ...]:
    """Keep neurons found in more than ``shared`` x as many facts as the most frequent; sorted."""
    counts = Counter(neuron for own in per_fact for neuron in set(own))
    most = max(counts.values(), default=0)
    return tuple(sorted(neuron for neuron, count in counts.items() if count > shared * most))


class _Relation:
    """The candidates of one relation, and what is computed for them."""

    def __init__(
        self,
        model: LoadedModel,
        relation: str,
        candidates: pl.DataFrame,
        settings: CheckSettings,
        budget: int | None,
    ) -> None:
        self.model, self.relation, self.settings, self.budget = model, relation, settings, budget
        queries = _queries(model, candidates)
        without_tokens = candidates.filter(pl.Series(np.diff(queries.gold_offsets) == 0))
        if not without_tokens.is_empty():
            candidates = candidates.join(
                without_tokens, on="fact_id", how="anti", maintain_order="left"
            )
            queries = _queries(model, candidates)
        self.candidates, self.queries = candidates, queries

    def frames(self, progress: Progress) -> list[pl.DataFrame]:
        """Rows of the lake: one frame per set of neurons, one row per candidate."""
        count = self.candidates.height
        if not count:
            return []
        queries = self.queries
        # Integrated gradients take nearly all of the time.
        attributions = self._attributions(one_part(progress, 0, 9, 10))
        by_query = record_activations(self.model, queries, token_budget=self.budget)
        activations = by_query[:, torch.from_numpy(queries.row_query).long()]
        plain = build_edits(range(count), [()] * count, [()] * count)
        results = run_edits(self.model, queries, plain, token_budget=self.budget)
        shared = self.candidates.select(
            "fact_id", "is_true", "split", "candidate_object_id", "candidate_label"
        ).with_columns(
            candidate_token_count=np.diff(queries.gold_offsets),
            log_prob=results.log_prob,
            is_top=results.is_top,
        )
        found = []
        for code, neurons in self._sets(attributions).items():
            names = (self.settings.seed, "random", self.relation, code)
            controls = random_controls(neurons, self.model.view.neuron_count, names)
            for is_random, members in ((False, neurons), (True, controls)):
                found.append(
                    shared.with_columns(
                        neuron_set_code=pl.lit(code),
                        is_random=pl.lit(is_random),
                        neuron_count=pl.lit(len(members)),
                        attribution_score=_means(attributions, members),
                        activation_score=_means(activations, members),
                    )
                )
        return found

    def _attributions(self, progress: Progress) -> torch.Tensor:
        """Attributions ``[layers, candidates, units]``, divided by the candidate's tokens."""
        groups = list(
            attribute(
                self.model,
                self.queries,
                self.settings.path,
                token_budget=self.budget,
                progress=progress,
            )
        )
        scores = torch.cat([group.scores for group in groups], dim=1)
        order = np.argsort(np.concatenate([group.facts for group in groups]))
        tokens = torch.from_numpy(np.diff(self.queries.gold_offsets)).to(scores)
        return scores[:, torch.from_numpy(order).to(scores.device)] / tokens[:, None]

    def _sets(self, attributions: torch.Tensor) -> Mapping[str, tuple[Neuron, ...]]:
        """Find the neurons of the relation from the true objects of the train split."""
        is_train = (self.candidates["split"] == TRAIN) & self.candidates["is_true"]
        rows = is_train.arg_true().to_list()
        ranked = [
            _above(attributions[:, row], self.settings.threshold, self.settings.candidates)
            for row in rows
        ]
        train = self.candidates[rows].with_columns(object_label="candidate_label")
        best = dict(zip(train["fact_id"], (first for _, first in ranked), strict=True))
        degenerate: dict[str, list[Neuron]] = {}
        if best:
            tried = degenerate_pairs(
                self.model,
                train,
                best,
                random_pairs=0,
                seed=self.settings.seed,
                token_budget=self.budget,
            )
            degenerate = _degenerate(tried, self.settings)
        shared = self.settings.shared
        return {
            "knowledge": shared_neurons((above for above, _ in ranked), shared),
            "degenerate": shared_neurons(degenerate.values(), shared),
        }


def _queries(model: LoadedModel, candidates: pl.DataFrame) -> Queries:
    """Build queries in which every candidate is a fact of its own, in the order of the rows."""
    # build_queries sorts by fact id: with leading zeros these ids sort like the row numbers.
    digits = len(str(candidates.height))
    return build_queries(
        model,
        candidates.with_row_index("row").select(
            pl.col("row").cast(pl.String).str.zfill(digits).alias("fact_id"),
            "relation_id",
            "template",
            "subject_label",
            pl.col("candidate_label").alias("object_label"),
        ),
        "gold",
    )


def _above(
    scores: torch.Tensor, threshold: float, count: int
) -> tuple[list[Neuron], tuple[Neuron, ...]]:
    """Find neurons above the threshold, and the ``count`` best ones, in ``[layers, units]``."""
    units = scores.shape[-1]
    # A stable sort keeps equal scores in the order of their neurons.
    ordered, places = scores.flatten().sort(descending=True, stable=True)
    above = int(((ordered > 0) & (ordered > threshold * ordered[0])).sum())
    kept = [divmod(place, units) for place in places[: max(above, count)].tolist()]
    return kept[:above], tuple(kept[:count])


def _degenerate(tried: pl.DataFrame, settings: CheckSettings) -> dict[str, list[Neuron]]:
    """Collect for each fact the neurons of its degenerate pairs."""
    kept, lost = math.log(settings.single_share), math.log(settings.pair_share)
    base = pl.col("log_prob")
    passing = tried.filter(
        pl.col("log_prob_without_a") - base >= kept,
        pl.col("log_prob_without_b") - base >= kept,
        pl.col("log_prob_without_both") - base < lost,
    )
    found: dict[str, list[Neuron]] = {}
    for fact, *places in passing.select(
        "fact_id", "layer_index_a", "neuron_index_a", "layer_index_b", "neuron_index_b"
    ).iter_rows():
        found.setdefault(fact, []).extend([(places[0], places[1]), (places[2], places[3])])
    return found


def _means(values: torch.Tensor, neurons: Sequence[Neuron]) -> pl.Series:
    """Average ``[layers, candidates, units]`` over some neurons; nulls without neurons."""
    if not neurons:
        return pl.Series([None] * values.shape[1], dtype=pl.Float64)
    layers, units = zip(*neurons, strict=True)
    picked = values[list(layers), :, list(units)].double()
    return pl.Series(picked.mean(0).cpu().numpy(), dtype=pl.Float64)
