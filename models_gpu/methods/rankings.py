"""Rankings: where a fact's object stands among all objects of its relation.

What belongs here: which objects are candidates, their scores, and rows of the lake table
``object_rankings``. What does not: log-probabilities (``models_gpu.engine.candidate_scores``),
verdicts and consistency (SQL). Definitions: docs/method.md#ranking.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from models_gpu.engine.candidate_scores import Doubles, continuation_log_probs, masked_log_probs
from models_gpu.lake_rows import lake_rows
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.subject_swaps import NEUTRAL_SUBJECT
from models_gpu.progress import Progress, one_part
from models_gpu.prompting.build import FACT_COLUMNS, build_queries
from models_gpu.prompting.causal_prompts import NO_SUBJECT, prompt_code, tokenise_prompts
from models_gpu.ragged import Longs

__all__ = ["SCORES", "object_rankings"]

SCORES = ("sum", "mean", "less_prior")
"""Values of ``score_code``."""
_PAIRS_AT_ONCE = 50_000
_DECIMALS = 4
"""Scores are rounded to these decimals (of nats): float32 alone moves them by less, so that
rounding errors of a batch seldom change a rank."""


@dataclass(frozen=True)
class _Scored:
    """Scores of the names of a relation after some texts."""

    sums: Doubles
    """``[texts, names]`` natural log-probabilities; NaN where the model cannot be asked."""
    token_counts: Longs
    """``[texts, names]`` tokens of the name after this text."""


def object_rankings(
    model: LoadedModel,
    facts: pl.DataFrame,
    *,
    chosen: Collection[str] | None = None,
    kept: int = 20,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Rank the object of every fact among the distinct objects of its relation.

    An object has the label of its first fact. Objects with the same label share score and rank.
    The prior of an object is its log-probability in the same template without a subject: a mask
    token, in a causal model the letter X.

    Args:
        model: from ``models_gpu.loading.load``, masked or causal.
        facts: columns ``FACT_COLUMNS`` and ``object_id``, all facts of one language.
        chosen: ids of the facts to rank, among the objects of all facts; None ranks all.
        kept: number of best candidates that are stored.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with work done and work in all: pairs of a text and a name.

    Returns:
        The columns of the lake table ``object_rankings`` except model and language.

    Raises:
        ModelError: facts without valid queries, a text that does not fit on the device alone.
    """
    facts = facts.sort("fact_id")
    keys = ["relation_id", "template", "subject_label"]
    asked = facts if chosen is None else facts.filter(pl.col("fact_id").is_in(list(chosen)))
    scorer = _Scorer(model, token_budget, progress, _pair_count(facts, asked))
    rows: list[pl.DataFrame] = []
    for own in facts.partition_by("relation_id", maintain_order=True):
        objects = own.group_by("object_id").agg(pl.first("object_label")).sort("object_id")
        names = objects["object_label"].unique().sort()
        if chosen is not None:
            own = own.filter(pl.col("fact_id").is_in(list(chosen)))
        texts = own.select(keys[1:]).unique(maintain_order=True)
        templates = texts.select("template").unique(maintain_order=True)
        prior = scorer.score(_without_subject(model, templates), names)
        place = {name: column for column, name in enumerate(names.to_list())}
        columns = np.array([place[name] for name in objects["object_label"]], dtype=np.int64)
        for block in texts.iter_slices(max(1, _PAIRS_AT_ONCE // max(1, len(names)))):
            scored = scorer.score(block, names)
            owned = own.join(block.with_row_index("text"), on=keys[1:]).sort("fact_id")
            of_template = block.join(
                templates.with_row_index("at"), on="template", maintain_order="left"
            )["at"].to_numpy()
            scores = _scores(model, block, scored, prior.sums[of_template])
            rows += list(_ranked(owned, objects["object_id"], columns, scores, kept))
    return lake_rows("object_rankings", rows)


def _pair_count(facts: pl.DataFrame, asked: pl.DataFrame) -> int:
    """Count the pairs of a text, with or without a subject, and a name of its relation."""
    names = facts.group_by("relation_id").agg(pl.n_unique("object_label").alias("names"))
    texts = pl.struct("template", "subject_label").n_unique() + pl.n_unique("template")
    counted = asked.group_by("relation_id").agg(texts.alias("texts")).join(names, on="relation_id")
    return int(counted.select(pl.col("texts") * pl.col("names")).sum().item() or 0)


def _without_subject(model: LoadedModel, templates: pl.DataFrame) -> pl.DataFrame:
    neutral = NEUTRAL_SUBJECT if model.family.is_causal else model.tokenizer.mask_token
    return templates.with_columns(subject_label=pl.lit(neutral))


def _scores(
    model: LoadedModel, texts: pl.DataFrame, scored: _Scored, prior: Doubles
) -> dict[str, Doubles]:
    """``[texts, names]`` of every kind of score, rounded.

    A causal model that does not read the subject has its prior only, which ranks nothing.
    """
    less_prior = scored.sums - prior
    if model.family.is_causal:
        codes = [prompt_code(template) for template in texts["template"]]
        less_prior[np.array(codes) == NO_SUBJECT] = np.nan
    means = scored.sums / np.maximum(scored.token_counts, 1)
    kinds = dict(zip(SCORES, (scored.sums, means, less_prior), strict=True))
    return {code: values.round(_DECIMALS) for code, values in kinds.items()}


def _ranked(
    facts: pl.DataFrame,
    object_ids: pl.Series,
    columns: Longs,
    scores: dict[str, Doubles],
    kept: int,
) -> Iterator[pl.DataFrame]:
    """Yield the rows of each kind of score; ``columns`` has the name of every object."""
    ids = object_ids.to_list()
    place = {object_id: number for number, object_id in enumerate(ids)}
    texts = facts["text"].to_numpy()
    golds = np.array([place[object_id] for object_id in facts["object_id"]], dtype=np.int64)
    for code, by_name in scores.items():
        values = by_name[texts][:, columns]
        own = values[np.arange(len(golds)), golds]
        # NaN is last, and equal scores keep the order of the ids.
        order = np.argsort(-values, axis=1, kind="stable")[:, :kept]
        counts = np.isfinite(values).sum(axis=1)
        best = [row[:count] for row, count in zip(order, counts, strict=True)]
        ranks = 1 + (values > own[:, None]).sum(axis=1)
        yield pl.DataFrame(
            {
                "fact_id": facts["fact_id"],
                "score_code": [code] * len(golds),
                "candidate_count": counts,
                "object_score": pl.Series(own).fill_nan(None),
                "object_rank": pl.Series(np.where(np.isfinite(own), ranks, np.nan)).fill_nan(None),
                "candidate_ids": [[ids[number] for number in row] for row in best],
                "candidate_scores": [
                    line[row].tolist() for line, row in zip(values, best, strict=True)
                ],
            }
        )


class _Scorer:
    """Scores every name after every text, for masked and causal models."""

    def __init__(
        self, model: LoadedModel, token_budget: int | None, progress: Progress | None, total: int
    ) -> None:
        self._model, self._budget = model, token_budget
        self._progress, self._total, self._done = progress, total, 0
        self._unknown = list(model.unknown_token_ids)

    def score(self, texts: pl.DataFrame, names: pl.Series) -> _Scored:
        """Score all pairs.

        Args:
            texts: columns ``template, subject_label``, distinct rows.
            names: distinct names of objects.
        """
        pairs = texts.join(names.rename("object_label").to_frame(), how="cross")
        score = self._causal if self._model.family.is_causal else self._masked
        sums, counts = score(pairs, one_part(self._progress, self._done, pairs.height, self._total))
        self._done += pairs.height
        shape = (texts.height, len(names))
        return _Scored(sums.reshape(shape), counts.reshape(shape))

    def _masked(self, pairs: pl.DataFrame, progress: Progress) -> tuple[Doubles, Longs]:
        asked = pairs.with_row_index("pair").select(
            pl.col("pair").cast(pl.String).str.zfill(9).alias("fact_id"),
            pl.lit("all").alias("relation_id"),
            *FACT_COLUMNS[2:],
        )
        queries = build_queries(self._model, asked, "gold", leaves_out=True)
        counts = np.diff(queries.gold_offsets)
        sums = np.full(pairs.height, np.nan)
        sums[queries.row_fact] = masked_log_probs(self._model, queries, self._budget, progress)
        is_unknown = np.isin(queries.gold_ids, self._unknown)
        sums[np.repeat(np.arange(len(counts)), counts)[is_unknown]] = np.nan
        return sums, counts

    def _causal(self, pairs: pl.DataFrame, progress: Progress) -> tuple[Doubles, Longs]:
        found = tokenise_prompts(self._model, pairs)
        counts = np.diff(found.gold_offsets)
        golds = [tuple(found.gold_ids[a:b].tolist()) for a, b in pairwise(found.gold_offsets)]
        of_prompt: dict[tuple[int, ...], list[int]] = {}
        for pair, (begin, end) in enumerate(pairwise(found.prompt_offsets)):
            prompt = tuple(found.prompt_ids[begin:end].tolist())
            if self._can_be_asked(prompt, golds[pair]):
                of_prompt.setdefault(prompt, []).append(pair)
        scores = continuation_log_probs(
            self._model,
            list(of_prompt),
            [[golds[pair] for pair in own] for own in of_prompt.values()],
            progress,
        )
        sums = np.full(pairs.height, np.nan)
        for own, values in zip(of_prompt.values(), scores, strict=True):
            sums[own] = values
        return sums, counts

    def _can_be_asked(self, prompt: tuple[int, ...], gold: tuple[int, ...]) -> bool:
        limit, vocabulary = self._model.position_count, self._model.view.vocabulary_size
        fits = limit is None or len(prompt) + len(gold) - 1 <= limit
        is_known = not self._model.unknown_token_ids & set(gold)
        return fits and is_known and bool(gold) and max((*prompt, *gold)) < vocabulary
