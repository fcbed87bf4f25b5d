"""Probing: what a language model puts into the object's slot of every fact (docs/method.md#probing).

What belongs here: scoring queries on the device and turning the scores into rows of the lake table
``predictions``. What does not: verdicts (SQL), reading or writing files, choosing facts.

A *mask* is here any position at which a token of the object is predicted: in a causal model, which
has no masks, the token before it (``models_gpu.prompting.queries.Queries``). There the tokens of
the object are scored after the right ones, in one pass; what the model itself would have said
differs only after its first wrong token, and is decoded from there on
(``models_gpu.engine.decoding``).

Only hidden states at masks go through the vocabulary projection, and every number of a mask comes
from that one row of logits. Memory on the device, besides the weights: the activations of one batch
(``token_budget`` tokens), hidden states of ``_SPAN`` masks, and one block of logits
(``_Plan.logit_bytes``; three times that in half precision, where logits are widened to float32, and
up to twice more while golds are ranked on an accelerator). On a CPU every core has a batch and a
block of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock, local
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import torch

from models_gpu.engine.batching import core_pool, plan_batches, run_with_oom_retry
from models_gpu.engine.decoding import continue_greedily
from models_gpu.engine.logits import best_tokens, ranks
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.prompting.queries import Queries, build_queries
from models_gpu.ragged import Ints, Longs, offsets_of, ranges

__all__ = [
    "NEAR_TIE",
    "Scores",
    "default_token_budget",
    "prediction_rows",
    "probe",
    "probe_each",
    "score_queries",
]

NEAR_TIE = 2e-4
"""Nats between the two best tokens of a mask below which a float32 query is computed again, alone.

The shape of a batch moves float32 logits by rounding: 4e-6 in a random BERT of mBERT's shape, whose
logits stay below 3, and in proportion more in trained models, whose logits reach 20. A margin of
that size could go either way. Alone and without padding a query's result depends on nothing but the
query, so verdicts do not depend on how queries were batched."""

_SPAN = 16_384

Progress = Callable[[int, int], None]
Key = TypeVar("Key")


@dataclass(frozen=True)
class _Plan:
    """Sizes that suit a kind of device."""

    token_budget: int
    """Most tokens in a batch, padding included."""
    padding_share: float
    """Most of a batch that may be padding."""
    logit_bytes: int
    """Most bytes of one block of logits."""
    rows_at_once: int | None
    """Rows of logits that are reduced together: few on a CPU, so that they stay in its cache."""
    groups_behind: int
    """Groups whose rows are still being built while the next one is scored."""


_PLANS = {
    # Without padding attention needs no mask; small batches lose nothing on a CPU.
    "cpu": _Plan(2_048, 0.0, 1 << 27, 16, 0),
    # Few, large launches: a batch per length would leave the device waiting for the host.
    "mps": _Plan(8_192, 0.15, 1 << 28, None, 1),
    "cuda": _Plan(32_768, 0.15, 1 << 30, None, 1),
}


def _plan(device: torch.device) -> _Plan:
    return _PLANS.get(device.type, _PLANS["cpu"])


@dataclass(frozen=True)
class Scores:
    """What the model says about every mask of a set of queries; arrays on the host."""

    top_ids: Ints
    """``[masks, top]`` most probable token ids, best first, equal ones by id; in a causal model
    after the most probable tokens before, not after the right ones."""
    top_log_probs: npt.NDArray[np.float32]
    """``[masks, top]`` their natural log-probabilities."""
    scored_rows: Longs
    """Rows of the queries whose mask count is their object's token count."""
    gold_log_probs: npt.NDArray[np.float32]
    """Per gold token of the scored rows, one row after another: natural log-probability."""
    gold_ranks: Ints
    """Per gold token of the scored rows: 1 + larger logits + equal logits of smaller id."""
    recomputed_count: int
    """Queries with a near tie, and answers with one, that were computed again, alone."""


def probe(
    model: LoadedModel,
    facts: pl.DataFrame,
    *,
    mask_counts: str,
    token_budget: int | None = None,
    top: int = 5,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Predictions of ``model`` for ``facts`` of one language (docs/method.md#probing).

    The predictions, and the text made of them, do not depend on ``token_budget`` nor on the order
    of ``facts``; log-probabilities vary in the last digits, ranks below the top by as much as equal
    scores allow. In half precision near ties are not settled: there the shape of a batch can
    decide.

    Args:
        model: from ``models_gpu.loading.load``.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label``, one row
            each.
        mask_counts: 'gold', as many masks as the object has tokens; 'all', 1 to the longest object
            of the relation among ``facts``, for masked models alone.
        token_budget: most tokens of a batch, padding included; chosen for the device when None.
        top: candidates kept per mask.
        progress: called with queries done and queries in all; the last call has both equal. In all
            grows once it is known which answers a causal model has to be decoded for.

    Returns:
        The columns of the lake table ``predictions`` except ``model_id`` and ``language_code``,
        sorted by fact_id, mask_count.

    Raises:
        ModelError: facts that cannot be asked (see ``build_queries``), a query that does not fit
            the device alone, logits that are not numbers.
    """
    queries = build_queries(model, facts, mask_counts)
    scores = score_queries(model, queries, token_budget=token_budget, top=top, progress=progress)
    return prediction_rows(model, queries, scores)


def default_token_budget(device: torch.device) -> int:
    """Most tokens of a batch, padding included, where a study sets none."""
    return _plan(device).token_budget


def probe_each(
    model: LoadedModel,
    groups: Iterable[tuple[Key, pl.DataFrame]],
    *,
    mask_counts: str,
    token_budget: int | None = None,
    top: int = 5,
    progress: Callable[[Key, int, int], None] | None = None,
) -> Iterator[tuple[Key, pl.DataFrame]]:
    """``probe`` for several groups of facts, such as languages, without letting the device wait.

    The next group is tokenised while the device works. On an accelerator the previous group's rows
    are built meanwhile too, so that a group is yielded when the next one has been scored; on a CPU,
    where nothing is gained by that, as soon as it is done.

    Args:
        model: from ``models_gpu.loading.load``.
        groups: key and facts of each group; drawn from one at a time, in another thread.
        mask_counts: see ``probe``, as for the other arguments.
        token_budget: see ``probe``.
        top: see ``probe``.
        progress: called with the group's key, queries done and queries in all.

    Yields:
        Key and predictions of each group, in the order of ``groups``.
    """
    source = iter(groups)

    def next_group() -> tuple[Key, Queries] | None:
        group = next(source, None)
        return None if group is None else (group[0], build_queries(model, group[1], mask_counts))

    plan = _plan(model.device)
    building: deque[tuple[Key, Future[pl.DataFrame]]] = deque()
    with ThreadPoolExecutor(1) as before, ThreadPoolExecutor(1) as after:
        coming = before.submit(next_group)
        while (group := coming.result()) is not None:
            key, queries = group
            coming = before.submit(next_group)
            report = None
            if progress is not None:
                report = _with_key(progress, key)
            scores = score_queries(
                model, queries, token_budget=token_budget, top=top, progress=report
            )
            building.append((key, after.submit(prediction_rows, model, queries, scores)))
            while len(building) > plan.groups_behind:
                done, rows = building.popleft()
                yield done, rows.result()
        for done, rows in building:
            yield done, rows.result()


def score_queries(
    model: LoadedModel,
    queries: Queries,
    *,
    token_budget: int | None = None,
    top: int = 5,
    progress: Progress | None = None,
) -> Scores:
    """Run every query once and score its masks; see ``probe`` for arguments and errors."""
    with torch.inference_mode(), core_pool(model.device) as pool:
        scorer = _Scorer(model, queries, token_budget, top, pool)
        scorer.run(progress)
        near = scorer.near_ties() if model.dtype == torch.float32 else np.empty(0, np.int64)
        for query in near.tolist():
            scorer.run_span(query, query + 1, alone=True)
        again = scorer.decode(progress) if model.family.is_causal else 0
        return scorer.scores(len(near) + again)


def prediction_rows(model: LoadedModel, queries: Queries, scores: Scores) -> pl.DataFrame:
    """Scores as rows of the lake table ``predictions``, without model and language."""
    counts = queries.scored_counts[queries.row_query]
    masks = ranges(queries.scored_offsets[:-1][queries.row_query], counts)
    offsets = offsets_of(counts)
    predicted = scores.top_ids[masks, 0]
    gold_counts = np.diff(queries.gold_offsets)[queries.row_fact]
    gold = queries.gold_ids[ranges(queries.gold_offsets[:-1][queries.row_fact], gold_counts)]

    row_count = len(counts)
    log_prob = np.zeros(row_count, dtype=np.float32)
    rank = np.zeros(row_count, dtype=np.int32)
    is_unscored = np.ones(row_count, dtype=bool)
    scored = scores.scored_rows
    if len(scored):
        starts = offsets_of(gold_counts[scored])[:-1]
        log_prob[scored] = np.add.reduceat(scores.gold_log_probs.astype(np.float64), starts)
        rank[scored] = np.maximum.reduceat(scores.gold_ranks, starts)
        is_unscored[scored] = False
    fact_ids = queries.fact_ids.gather(queries.row_fact)
    table = pa.table(
        {
            "fact_id": fact_ids.to_arrow(compat_level=pl.CompatLevel.oldest()),
            "mask_count": pa.array(counts.astype(np.int32)),
            "prompt_code": queries.prompt_codes.gather(queries.row_fact).to_arrow(
                compat_level=pl.CompatLevel.oldest()
            ),
            "gold_token_ids": _lists(gold, offsets_of(gold_counts)),
            "predicted_token_ids": _lists(predicted, offsets),
            "predicted_text": _texts(model.tokenizer, predicted, counts),
            "gold_log_prob": pa.array(log_prob, mask=is_unscored),
            "gold_rank": pa.array(rank, mask=is_unscored),
            "candidate_token_ids": _candidates(scores.top_ids[masks], offsets),
            "candidate_log_probs": _candidates(scores.top_log_probs[masks], offsets),
        }
    )
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


class _Scorer:
    """Tensors of one set of queries on the device, and the steps that fill in their scores.

    Every step writes to places that follow from the queries alone, so that a step which failed for
    lack of memory, or a near tie, is simply run again, and steps may run side by side.
    """

    def __init__(
        self,
        model: LoadedModel,
        queries: Queries,
        token_budget: int | None,
        top: int,
        pool: Executor | None,
    ) -> None:
        plan = _plan(model.device)
        vocabulary = model.view.vocabulary_size
        self.model, self.queries, self.plan, self.pool = model, queries, plan, pool
        self.token_budget = token_budget or plan.token_budget
        self.top = min(top, vocabulary)
        self.kept = min(max(top, 2), vocabulary)
        self.block_rows = max(1, plan.logit_bytes // (4 * vocabulary))
        self.lengths = queries.lengths
        self.pairs = _gold_pairs(queries, vocabulary)

        self.token_ids = self._upload(queries.token_ids)
        self.token_offsets = self._upload(queries.token_offsets)
        self.mask_positions = self._upload(queries.scored_positions)
        self.mask_query = self._upload(np.repeat(np.arange(queries.count), queries.scored_counts))
        self.pair_mask = self._upload(self.pairs.mask)
        self.pair_id = self._upload(self.pairs.token_id)

        masks, device = len(queries.scored_positions), model.device
        self.top_ids = torch.zeros((masks, self.kept), dtype=torch.int32, device=device)
        self.top_log_probs = torch.zeros((masks, self.kept), dtype=torch.float32, device=device)
        self.gold_log_probs = torch.zeros(len(self.pairs.mask), dtype=torch.float32, device=device)
        self.gold_ranks = torch.zeros(len(self.pairs.mask), dtype=torch.int32, device=device)
        span = max(_SPAN, int(queries.scored_counts.max(initial=0)))
        self.hidden = torch.empty(
            (min(span, masks), model.view.hidden_size), dtype=model.dtype, device=device
        )
        self.buffers = local()
        """``logits`` of each thread: a block that is written again and again."""

    def run(self, progress: Progress | None) -> None:
        """Score all queries, span by span."""
        offsets, count = self.queries.scored_offsets, self.queries.count
        start = 0
        pace = _Pace(self.model.device, progress, count)
        while start < count:
            stop = int(np.searchsorted(offsets, offsets[start] + _SPAN, side="right")) - 1
            stop = min(count, max(stop, start + 1))
            self.run_span(start, stop, pace=pace)
            start = stop
        pace.finish()

    def run_span(
        self, start: int, stop: int, *, alone: bool = False, pace: _Pace | None = None
    ) -> None:
        """Hidden states of queries ``start … stop - 1``, then the scores of their masks."""
        first, last = (int(m) for m in self.queries.scored_offsets[[start, stop]])

        @torch.inference_mode()
        def encode(begin: int, end: int) -> None:
            self._encode(start + begin, start + end, first)
            if pace is not None:
                pace.advance(end - begin)

        @torch.inference_mode()
        def project(begin: int, end: int) -> None:
            self._project(first + begin, first + end, first)

        batches = plan_batches(
            self.lengths[start:stop], self.token_budget, 0.0 if alone else self.plan.padding_share
        )
        run_with_oom_retry(
            batches, self.lengths[start:stop], encode, self._release, "query", self.pool
        )
        blocks = [
            (begin, min(begin + self.block_rows, last - first))
            for begin in range(0, last - first, self.block_rows)
        ]
        ones = np.ones(last - first, dtype=np.int64)
        run_with_oom_retry(blocks, ones, project, self._release, "mask's logits", self.pool)

    def near_ties(self) -> Longs:
        """Queries in which the two best tokens of some mask are closer than ``NEAR_TIE``."""
        if self.kept < 2:
            return np.empty(0, dtype=np.int64)
        margin = self.top_log_probs[:, 0] - self.top_log_probs[:, 1]
        close = self.mask_query[margin < NEAR_TIE].cpu().numpy()
        return np.unique(close)

    def decode(self, progress: Progress | None) -> int:
        """Put what a causal model says itself in place of what it says after right tokens.

        Both are the same up to and including its first token that is not the object's.

        Returns:
            Answers with a near tie that were computed again, alone.
        """
        queries, count = self.queries, self.queries.count
        predicted = self.top_ids[:, 0].cpu().numpy()
        owner = np.repeat(np.arange(count), queries.scored_counts)
        is_last = np.zeros(len(owner), dtype=bool)
        is_last[queries.scored_offsets[1:] - 1] = True
        inner = np.flatnonzero(~is_last)
        places = queries.token_offsets[owner[inner]] + queries.scored_positions[inner]
        wrong = inner[predicted[inner] != queries.token_ids[places + 1]]
        _, first = np.unique(owner[wrong], return_index=True)
        # Facts with one prompt and several objects go on from the same tokens.
        steps: dict[bytes, int] = {}
        texts: list[bytes] = []
        for mask in wrong[first].tolist():
            begin = queries.token_offsets[owner[mask]]
            known = queries.token_ids[begin : begin + queries.scored_positions[mask] + 1]
            texts.append(known.tobytes() + predicted[mask].tobytes())
            needed = int(queries.scored_offsets[owner[mask] + 1]) - mask - 1
            steps[texts[-1]] = max(needed, steps.get(texts[-1], 0))
        pace = _Pace(self.model.device, progress, count + len(steps), count)
        answers = continue_greedily(
            self.model,
            [np.frombuffer(text, dtype=np.int32) for text in steps],
            np.fromiter(steps.values(), dtype=np.int64, count=len(steps)),
            top=self.kept,
            near_tie=NEAR_TIE if self.model.dtype == torch.float32 else None,
            token_budget=self.token_budget,
            row_count=self.block_rows,
            advance=pace.advance,
            pool=self.pool,
        )
        pace.finish()
        number = {text: place for place, text in enumerate(steps)}
        after = wrong[first] + 1
        lengths = queries.scored_offsets[owner[wrong[first]] + 1] - after
        starts = answers.offsets[[number[text] for text in texts]] if texts else after
        target = torch.from_numpy(ranges(after, lengths)).to(self.model.device)
        source = torch.from_numpy(ranges(starts, lengths)).to(self.model.device)
        self.top_ids[target] = answers.token_ids[source]
        self.top_log_probs[target] = answers.log_probs[source]
        return answers.recomputed_count

    def scores(self, recomputed_count: int) -> Scores:
        """All scores, copied to the host.

        Raises:
            ModelError: some are not numbers.
        """
        top_log_probs = self.top_log_probs[:, : self.top].cpu().numpy()
        if not np.isfinite(top_log_probs).all():
            raise ModelError(
                f"the model's logits are not numbers in {self.model.dtype}: its weights are "
                "damaged, or too large for that arithmetic; use float32 or bfloat16"
            )
        return Scores(
            top_ids=self.top_ids[:, : self.top].cpu().numpy(),
            top_log_probs=top_log_probs,
            scored_rows=self.pairs.scored_rows,
            gold_log_probs=self.gold_log_probs.cpu().numpy()[self.pairs.place],
            gold_ranks=self.gold_ranks.cpu().numpy()[self.pairs.place],
            recomputed_count=recomputed_count,
        )

    def _encode(self, start: int, stop: int, first_mask: int) -> None:
        """Keep the hidden states at the masks of queries ``start … stop - 1``."""
        model, queries = self.model, self.queries
        longest, shortest = int(self.lengths[start]), int(self.lengths[stop - 1])
        begin, end = (int(t) for t in queries.token_offsets[[start, stop]])
        is_token = None
        if longest == shortest:
            token_ids = self.token_ids[begin:end].view(stop - start, longest)
        else:
            column = torch.arange(longest, device=model.device)
            places = self.token_offsets[start:stop, None] + column
            is_token = places < self.token_offsets[start + 1 : stop + 1, None]
            token_ids = self.token_ids[places.clamp_(max=end - 1)]
            token_ids = token_ids.masked_fill_(~is_token, model.pad_token_id)
        low, high = (int(m) for m in queries.scored_offsets[[start, stop]])
        places = (self.mask_query[low:high] - start) * longest + self.mask_positions[low:high]
        hidden = model.view.encode_at(token_ids, is_token, places)
        self.hidden[low - first_mask : high - first_mask] = hidden

    def _project(self, low: int, high: int, first_mask: int) -> None:
        """Logits of masks ``low … high - 1`` and all that is read off them."""
        count, vocabulary = high - low, self.model.view.vocabulary_size
        buffer: torch.Tensor | None = getattr(self.buffers, "logits", None)
        if buffer is None or len(buffer) < count:
            self.buffers.logits = buffer = None
            buffer = self.buffers.logits = torch.empty(
                (count, vocabulary), dtype=self.model.dtype, device=self.model.device
            )
        logits = self.model.view.compute_logits(
            self.hidden[low - first_mask : high - first_mask], out=buffer[:count]
        ).float()
        step = self.plan.rows_at_once or count
        for begin in range(0, count, step):
            self._reduce(logits[begin : begin + step], low + begin)

    def _reduce(self, logits: torch.Tensor, low: int) -> None:
        """Fill in the scores of the masks from ``low`` on."""
        high = low + len(logits)
        ids, log_probs, normaliser = best_tokens(logits, self.kept)
        golds: list[tuple[slice, torch.Tensor]] = []
        for section in self.pairs.sections:
            span = self.pairs.within(section, low, high)
            if span.start == span.stop:
                continue
            # The first section has at most one pair per mask: with all of them nothing is copied.
            is_direct = section.start == 0 and span.stop - span.start == len(logits)
            step = len(logits) if is_direct else self.plan.rows_at_once or len(logits)
            for begin in range(span.start, span.stop, step):
                part = slice(begin, min(begin + step, span.stop))
                rows = self.pair_mask[part] - low
                of_pair = logits if is_direct else logits[rows]
                token_id = self.pair_id[part, None]
                gold = of_pair.gather(1, token_id)
                self.gold_ranks[part] = ranks(of_pair, token_id, gold)
                golds.append((part, gold[:, 0]))
        self.top_ids[low:high] = ids
        self.top_log_probs[low:high] = log_probs
        for part, gold in golds:
            self.gold_log_probs[part] = gold - normaliser[self.pair_mask[part] - low, 0]

    def _upload(self, values: npt.NDArray[Any]) -> torch.Tensor:
        tensor = torch.from_numpy(values.astype(np.int64))
        if self.model.device.type == "cuda":
            return tensor.pin_memory().to(self.model.device, non_blocking=True)
        return tensor.to(self.model.device)

    def _release(self) -> None:
        self.buffers.logits = None
        self.model.release_memory()


@dataclass(frozen=True)
class _GoldPairs:
    """Distinct (mask, gold token) pairs: those of one mask's first gold, then all others.

    Facts that share a query have golds of their own at the same masks. Both sections are sorted by
    mask.
    """

    mask: Longs
    """``[pairs]`` the mask."""
    token_id: Longs
    """``[pairs]`` the gold token."""
    sections: tuple[slice, slice]
    """The two sections."""
    place: Longs
    """Per gold token of the scored rows, the pair that scores it."""
    scored_rows: Longs
    """Rows whose mask count is their object's token count."""

    def within(self, section: slice, low: int, high: int) -> slice:
        """The pairs of a section whose masks are ``low … high - 1``."""
        masks = self.mask[section]
        begin, end = np.searchsorted(masks, [low, high])
        return slice(section.start + int(begin), section.start + int(end))


def _gold_pairs(queries: Queries, vocabulary: int) -> _GoldPairs:
    counts = queries.scored_counts[queries.row_query]
    gold_counts = np.diff(queries.gold_offsets)[queries.row_fact]
    scored = np.flatnonzero(counts == gold_counts)
    masks = ranges(queries.scored_offsets[:-1][queries.row_query[scored]], counts[scored])
    golds = queries.gold_ids[
        ranges(queries.gold_offsets[:-1][queries.row_fact[scored]], counts[scored])
    ]
    keys, place = np.unique(masks * vocabulary + golds, return_inverse=True)
    mask, token_id = keys // vocabulary, keys % vocabulary
    is_first = np.ones(len(mask), dtype=bool)
    is_first[1:] = mask[1:] != mask[:-1]
    order = np.argsort(~is_first, kind="stable")
    new_place = np.empty(len(order), dtype=np.int64)
    new_place[order] = np.arange(len(order))
    first_count = int(is_first.sum())
    return _GoldPairs(
        mask=mask[order],
        token_id=token_id[order],
        sections=(slice(0, first_count), slice(first_count, len(mask))),
        place=new_place[place],
        scored_rows=scored,
    )


class _Pace:
    """Reports progress when the device has got there, not when the host has asked for it."""

    def __init__(
        self, device: torch.device, progress: Progress | None, total: int, done: int = 0
    ) -> None:
        self._progress, self._total = progress, total
        self._is_cuda = device.type == "cuda"
        self._done = done
        self._lock = Lock()
        self._underway: deque[tuple[torch.cuda.Event, int]] = deque()

    def advance(self, count: int) -> None:
        """``count`` more queries have been sent to the device."""
        with self._lock:
            self._done += count
            if self._progress is None:
                return
            if not self._is_cuda:
                self._progress(self._done, self._total)
                return
        event_class: Any = torch.cuda.Event
        event = event_class()
        event.record()
        self._underway.append((event, self._done))
        if len(self._underway) > 2:
            reached, done = self._underway.popleft()
            reached.synchronize()
            self._progress(done, self._total)

    def finish(self) -> None:
        """All queries have been sent."""
        if self._progress is not None and (self._is_cuda or self._total == 0):
            self._progress(self._total, self._total)


def _with_key(progress: Callable[[Key, int, int], None], key: Key) -> Progress:
    def report(done: int, total: int) -> None:
        progress(key, done, total)

    return report


def _lists(values: npt.NDArray[Any], offsets: Longs) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))


def _candidates(values: npt.NDArray[Any], offsets: Longs) -> pa.ListArray:
    count, width = values.shape
    inner = _lists(np.ascontiguousarray(values).reshape(-1), np.arange(count + 1) * width)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), inner)


def _texts(tokenizer: Any, token_ids: Ints, counts: Longs) -> pa.Array:
    """Decoded text of every row; each distinct sequence of ids is decoded once."""
    starts = offsets_of(counts)[:-1]
    texts = np.empty(len(counts), dtype=object)
    for count in np.unique(counts).tolist():
        rows = np.flatnonzero(counts == count)
        sequences = token_ids[starts[rows, None] + np.arange(count)]
        distinct, place = np.unique(sequences, axis=0, return_inverse=True)
        texts[rows] = np.array(_decode(tokenizer, distinct.tolist()), dtype=object)[place.ravel()]
    return pa.array(texts, type=pa.string())


def _decode(tokenizer: Any, sequences: list[list[int]]) -> list[str]:
    # Cleaning up happens in Python, sequence by sequence; without it the whole batch stays in Rust.
    if tokenizer.clean_up_tokenization_spaces:
        return [tokenizer.decode(sequence) for sequence in sequences]
    texts: list[str] = tokenizer.backend_tokenizer.decode_batch(
        sequences, skip_special_tokens=False
    )
    return texts
