"""Fact checks: do neurons of a relation tell its right objects from wrong ones (docs/method.md#fact-checks)?

What belongs here: the neurons that a relation's training facts share, what they hold and contribute
for each checked object, and the rows of the lake table ``fact_checks``. What does not: which
objects are checked (``models_gpu.methods.negatives``), the threshold λ and every verdict (SQL).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import torch

from models_gpu.engine.activations import record_activations
from models_gpu.engine.edits import Neuron, build_edits, run_edits
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.degenerate_pairs import degenerate_pairs
from models_gpu.methods.integrated_gradients import attribute
from models_gpu.methods.integration_paths import PathSettings
from models_gpu.methods.negatives import TRAIN
from models_gpu.methods.neuron_sets import random_counterparts
from models_gpu.prompting.queries import Queries, build_queries

__all__ = ["CheckSettings", "fact_checks", "shared_neurons"]

Progress = Callable[[int, int], None]

_SCHEMA = pl.Schema(
    {
        "fact_id": pl.String,
        "is_true": pl.Boolean,
        "neuron_set_code": pl.String,
        "is_random": pl.Boolean,
        "split": pl.String,
        "candidate_object_id": pl.String,
        "candidate_label": pl.String,
        "candidate_token_count": pl.Int32,
        "neuron_count": pl.Int32,
        "attribution_score": pl.Float64,
        "activation_score": pl.Float64,
        "log_prob": pl.Float64,
        "is_top": pl.Boolean,
    }
)
_KEY = ["fact_id", "is_true", "neuron_set_code", "is_random"]


@dataclass(frozen=True)
class CheckSettings:
    """Which neurons stand for a relation."""

    path: PathSettings = field(default_factory=PathSettings)
    """The integral behind all attributions."""
    threshold: float = 0.3
    """τ: a fact's knowledge neurons have more than this share of its largest attribution."""
    candidates: int = 20
    """Best neurons of a training fact of which all pairs are tried for degeneracy."""
    single_share: float = 0.8
    """A pair is degenerate if P keeps at least this share without either of its neurons …"""
    pair_share: float = 0.75
    """… and less than this share without both."""
    shared: float = 0.7
    """t: a relation's neurons are those of more training facts than this share of the most."""
    seed: int = 0
    """Seed of the random neurons."""


def fact_checks(
    model: LoadedModel,
    facts: pl.DataFrame,
    pairs: pl.DataFrame,
    *,
    settings: CheckSettings,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """What a relation's neurons contribute to right and to wrong objects, and what they hold.

    A candidate is asked like an object: with as many masks as it has tokens, or teacher-forced. The
    attribution of a neuron is that to the candidate's tokens, divided by their number; its
    activation is the mean over the positions at which they are predicted. Both are averaged over a
    set of neurons. A masked model sees nothing of a candidate but its number of tokens, so that
    activations of candidates of one length are the same, right or wrong.

    Sets, by ``neuron_set_code``: 'knowledge', neurons above τ of the relation's training facts;
    'degenerate', neurons of these facts' degenerate pairs; each as ``shared_neurons`` has it, and
    each beside as many random neurons of the same layers.

    Args:
        model: from ``models_gpu.loading.load``, masked or causal.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label`` of one
            language; others than those of ``pairs`` may be there or not.
        pairs: from ``checked_pairs``. Facts of which a candidate has no token are left out.
        settings: which neurons.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with candidates done and candidates in all.

    Returns:
        Columns of the lake table ``fact_checks`` without model and language, sorted by key. Scores
        are null for a set without neurons.

    Raises:
        ModelError: a pair of a fact that is not in ``facts``, and as ``attribute``.
    """
    unknown_ids = pairs.join(facts, on="fact_id", how="anti").sort("fact_id")
    if not unknown_ids.is_empty():
        raise ModelError(
            f"{unknown_ids['fact_id'].n_unique()} facts to be checked are not among the facts, such "
            f"as '{unknown_ids['fact_id'][0]}'; pairs and facts are of different versions"
        )
    asked = pairs.join(
        facts.select("fact_id", "template", "subject_label"), on="fact_id", maintain_order="left"
    )
    found = [pl.DataFrame(schema=_SCHEMA)]
    done = 0
    for relation in asked["relation_id"].unique().sort():
        own = asked.filter(relation_id=relation)
        found.append(_Relation(model, relation, own, settings, token_budget).rows())
        done += own.height
        if progress is not None:
            progress(done, asked.height)
    return pl.concat(found).sort(_KEY)


def shared_neurons(per_fact: Iterable[Sequence[Neuron]], shared: float) -> tuple[Neuron, ...]:
    """Neurons of more facts than ``shared`` times as many as the commonest has, sorted."""
    counts = Counter(neuron for own in per_fact for neuron in set(own))
    most = max(counts.values(), default=0)
    return tuple(sorted(neuron for neuron, count in counts.items() if count > shared * most))


class _Relation:
    """The candidates of one relation on their way through the model."""

    def __init__(
        self,
        model: LoadedModel,
        relation: str,
        asked: pl.DataFrame,
        settings: CheckSettings,
        budget: int | None,
    ) -> None:
        self.model, self.relation, self.settings, self.budget = model, relation, settings, budget
        queries = _queries(model, asked)
        wordless = asked.filter(pl.Series(np.diff(queries.gold_offsets) == 0))
        if not wordless.is_empty():
            asked = asked.join(wordless, on="fact_id", how="anti", maintain_order="left")
            queries = _queries(model, asked)
        self.asked, self.queries = asked, queries

    def rows(self) -> pl.DataFrame:
        """Rows of the lake, candidate after candidate, in the order of ``_SCHEMA``."""
        count = self.asked.height
        if not count:
            return pl.DataFrame(schema=_SCHEMA)
        queries = self.queries
        attributions = self._attributions()
        by_query = record_activations(self.model, queries, token_budget=self.budget)
        activations = by_query[:, torch.from_numpy(queries.row_query).long()]
        plain = build_edits(range(count), [()] * count, [()] * count)
        answers = run_edits(self.model, queries, plain, token_budget=self.budget)
        shared = self.asked.select(
            "fact_id", "is_true", "split", "candidate_object_id", "candidate_label"
        ).with_columns(
            candidate_token_count=np.diff(queries.gold_offsets),
            log_prob=answers.log_prob,
            is_top=answers.is_top,
        )
        found = []
        for code, neurons in self._sets(attributions).items():
            names = (self.settings.seed, "random", self.relation, code)
            controls = random_counterparts(neurons, self.model.view.neuron_count, names)
            for is_random, members in ((False, neurons), (True, controls)):
                own = shared.with_columns(
                    neuron_set_code=pl.lit(code),
                    is_random=pl.lit(is_random),
                    neuron_count=pl.lit(len(members)),
                    attribution_score=_means(attributions, members),
                    activation_score=_means(activations, members),
                )
                found.append(own.select(_SCHEMA.names()).cast(_SCHEMA))
        return pl.concat(found)

    def _attributions(self) -> torch.Tensor:
        """``[layers, candidates, units]``: of all neurons, per token of the candidate."""
        groups = list(
            attribute(self.model, self.queries, self.settings.path, token_budget=self.budget)
        )
        scores = torch.cat([group.scores for group in groups], dim=1)
        order = np.argsort(np.concatenate([group.facts for group in groups]))
        tokens = torch.from_numpy(np.diff(self.queries.gold_offsets)).to(scores)
        return scores[:, torch.from_numpy(order).to(scores.device)] / tokens[:, None]

    def _sets(self, attributions: torch.Tensor) -> Mapping[str, tuple[Neuron, ...]]:
        """Set → the relation's neurons, learnt from the right objects of the training part."""
        is_train = (self.asked["split"] == TRAIN) & self.asked["is_true"]
        rows = is_train.arg_true().to_list()
        ranked = [
            _above(attributions[:, row], self.settings.threshold, self.settings.candidates)
            for row in rows
        ]
        train = self.asked[rows].with_columns(object_label="candidate_label")
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


def _queries(model: LoadedModel, asked: pl.DataFrame) -> Queries:
    """Queries in whose facts each candidate is one, in the order of the rows."""
    digits = len(str(asked.height))
    return build_queries(
        model,
        asked.with_row_index("row").select(
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
    """A fact's neurons above the threshold, and its first so many; of ``[layers, units]``."""
    units = scores.shape[-1]
    # A stable sort keeps equal scores in the order of their neurons.
    ordered, places = scores.flatten().sort(descending=True, stable=True)
    above = int(((ordered > 0) & (ordered > threshold * ordered[0])).sum())
    kept = [divmod(place, units) for place in places[: max(above, count)].tolist()]
    return kept[:above], tuple(kept[:count])


def _degenerate(tried: pl.DataFrame, settings: CheckSettings) -> dict[str, list[Neuron]]:
    """Fact → the neurons of its pairs that pass the thresholds."""
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
    """``[candidates]`` mean over the neurons of ``[layers, candidates, units]``; nulls without."""
    if not neurons:
        return pl.Series([None] * values.shape[1], dtype=pl.Float64)
    layers, units = zip(*neurons, strict=True)
    picked = values[list(layers), :, list(units)].double()
    return pl.Series(picked.mean(0).cpu().numpy(), dtype=pl.Float64)
