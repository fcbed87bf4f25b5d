"""Scoring: the most probable tokens at every mask of a set of queries, and the gold token's rank.

What belongs here: running queries on the device and reading scores off their logits. What does not:
rows of the lake (``models_gpu.methods.probing``), continuing a causal model's own predictions
(``models_gpu.engine.greedy_answers``). Definitions: docs/method.md#probing.

A *mask* is here any position at which a token of the object is predicted. In a causal model, which
has no masks, it is the position before the token (``models_gpu.prompting.queries.Queries``).

Only hidden states at masks go through the vocabulary projection, and every number of a mask comes
from this one row of logits. Memory on the device, in addition to the weights: the activations of
one batch (``token_budget`` tokens), the hidden states of ``SPAN`` masks, and one block of logits
(``DevicePlan.logit_bytes``). In half precision the block takes three times that, because logits are
widened to float32, and up to twice more while gold tokens are ranked on an accelerator. On a CPU
every core has its own batch and block.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from threading import local
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models_gpu.engine.batching import core_pool, plan_batches, run_with_oom_retry
from models_gpu.engine.devices import device_plan
from models_gpu.engine.gold_pairs import gold_pairs
from models_gpu.engine.greedy_answers import answer_greedily, most_work
from models_gpu.engine.logits import best_tokens, ranks
from models_gpu.engine.shared_prefixes import encode_prefixes_once
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import Progress, ProgressReporter, forward_work
from models_gpu.prompting.queries import Queries
from models_gpu.ragged import Ints, Longs

__all__ = ["NEAR_TIE", "SPAN", "Scores", "score_queries"]

NEAR_TIE = 2e-4
"""Nats between the two best tokens of a mask below which a float32 query is computed again, alone.

The shape of a batch changes float32 logits by rounding: by 4e-6 in a random BERT of mBERT's shape,
whose logits stay below 3, and by proportionally more in trained models, whose logits reach 20. So a
margin below this bound can change its sign with the batch. A query that is computed alone and
without padding has the same result in any run: predictions do not depend on the batches."""

SPAN = 16_384
"""Masks whose hidden states are kept at once."""


@dataclass(frozen=True)
class Scores:
    """Scores at every mask of a set of queries; arrays on the host."""

    top_ids: Ints
    """``[masks, top]`` most probable token ids, best first, equal ones by id. In a causal model
    they follow the model's own tokens before them, not the gold ones."""
    top_log_probs: npt.NDArray[np.float32]
    """``[masks, top]`` their natural log-probabilities."""
    scored_rows: Longs
    """Rows of the queries with as many masks as their object has tokens."""
    gold_log_probs: npt.NDArray[np.float32]
    """Natural log-probability of each gold token, for one scored row after another."""
    gold_ranks: Ints
    """Rank of each gold token: 1 + larger logits + equal logits of smaller id."""
    recomputed_count: int
    """Queries and continuations with a near tie, which were computed again, alone."""


def score_queries(
    model: LoadedModel,
    queries: Queries,
    *,
    token_budget: int | None = None,
    top: int = 5,
    progress: Progress | None = None,
) -> Scores:
    """Run every query once and score its masks.

    Args:
        model: from ``models_gpu.loading.load``.
        queries: from ``build_queries``.
        token_budget: most tokens of a batch, padding included; chosen for the device when None.
        top: number of candidates per mask.
        progress: called with work done and work in all. The second number shrinks when it is known
            how many continuations a causal model needs.

    Raises:
        ModelError: a query that does not fit on the device alone, logits that are not numbers.
    """
    is_exact = model.dtype == torch.float32
    with torch.inference_mode(), core_pool(model.device) as pool:
        scorer = _Scorer(model, queries, token_budget, top, pool)
        scorer.run(progress)
        near_ties = scorer.near_ties() if is_exact else []
        for query in near_ties:
            scorer.run_span(query, query + 1, is_alone=True)
        recomputed_count = len(near_ties)
        if model.family.is_causal:
            recomputed_count += answer_greedily(
                model,
                queries,
                scorer.top_ids,
                scorer.top_log_probs,
                near_tie=NEAR_TIE if is_exact else None,
                token_budget=scorer.token_budget,
                row_count=scorer.block_rows,
                progress=progress,
                pool=pool,
            )
        return scorer.scores(recomputed_count)


class _Scorer:
    """Tensors of one set of queries on the device, and the steps that fill in their scores.

    Every step writes to places that follow from the queries alone. So a step that ran out of
    memory, or a near tie, is simply run again, and steps may run in parallel.
    """

    def __init__(
        self,
        model: LoadedModel,
        queries: Queries,
        token_budget: int | None,
        top: int,
        pool: Executor | None,
    ) -> None:
        plan = device_plan(model.device)
        vocabulary = model.view.vocabulary_size
        self.model, self.queries, self.plan, self.pool = model, queries, plan, pool
        self.token_budget = token_budget or plan.token_budget
        self.top = min(top, vocabulary)
        # Near ties need the two best tokens, also for top = 1.
        self.kept = min(max(top, 2), vocabulary)
        self.block_rows = max(1, plan.logit_bytes // (4 * vocabulary))
        self.lengths = queries.lengths
        self.pairs = gold_pairs(queries, vocabulary)

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
        span = max(SPAN, int(queries.scored_counts.max(initial=0)))
        self.hidden = torch.empty(
            (min(span, masks), model.view.hidden_size), dtype=model.dtype, device=device
        )
        self.buffers = local()
        """``logits`` of each thread: one block that is written to again and again."""

    def run(self, progress: Progress | None) -> None:
        """Score all queries, span by span."""
        offsets, count = self.queries.scored_offsets, self.queries.count
        start = 0
        total = forward_work(self.model, len(self.queries.token_ids), int(offsets[-1]))
        if self.model.family.is_causal:
            total += most_work(self.model, self.queries)
        reporter = ProgressReporter(self.model.device, progress, total)
        while start < count:
            stop = int(np.searchsorted(offsets, offsets[start] + SPAN, side="right")) - 1
            stop = min(count, max(stop, start + 1))
            self.run_span(start, stop, reporter=reporter)
            start = stop
        if not self.model.family.is_causal:
            reporter.finish()

    def run_span(
        self,
        start: int,
        stop: int,
        *,
        is_alone: bool = False,
        reporter: ProgressReporter | None = None,
    ) -> None:
        """Compute hidden states of queries ``start … stop - 1``, then the scores of their masks."""
        first, last = (int(m) for m in self.queries.scored_offsets[[start, stop]])

        @torch.inference_mode()
        def encode(begin: int, end: int) -> None:
            self._encode(start + begin, start + end, first)
            if reporter is not None:
                tokens = int(self.lengths[start + begin : start + end].sum())
                reporter.advance(forward_work(self.model, tokens, 0))

        @torch.inference_mode()
        def read_logits(begin: int, end: int) -> None:
            self._read_logits(first + begin, first + end, first)
            if reporter is not None:
                reporter.advance(forward_work(self.model, 0, end - begin))

        lengths = self.lengths[start:stop]
        padding_share = 0.0 if is_alone else self.plan.padding_share
        batches = plan_batches(lengths, self.token_budget, padding_share)
        run_with_oom_retry(batches, lengths, encode, self._release, "query", self.pool)
        blocks = [
            (begin, min(begin + self.block_rows, last - first))
            for begin in range(0, last - first, self.block_rows)
        ]
        ones = np.ones(last - first, dtype=np.int64)
        run_with_oom_retry(blocks, ones, read_logits, self._release, "mask's logits", self.pool)

    def near_ties(self) -> list[int]:
        """Find queries in which the two best tokens of a mask are closer than ``NEAR_TIE``."""
        if self.kept < 2:
            return []
        margin = self.top_log_probs[:, 0] - self.top_log_probs[:, 1]
        queries: list[int] = np.unique(self.mask_query[margin < NEAR_TIE].cpu().numpy()).tolist()
        return queries

    def scores(self, recomputed_count: int) -> Scores:
        """Copy all scores to the host.

        Raises:
            ModelError: some scores are not numbers.
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
        """Store the hidden states at the masks of queries ``start … stop - 1``."""
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
        if model.family.is_causal and device_plan(model.device).pass_tokens is not None:
            hidden = encode_prefixes_once(model.view, token_ids)[0].flatten(0, 1)[places]
        else:
            hidden = model.view.encode_at(token_ids, is_token, places)
        self.hidden[low - first_mask : high - first_mask] = hidden

    def _read_logits(self, low: int, high: int, first_mask: int) -> None:
        """Compute the logits of masks ``low … high - 1`` and all scores that come from them."""
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
            # The first section has at most one pair per mask; if it has one for each, the rows of
            # logits are the pairs, and nothing has to be copied.
            is_direct = section.start == 0 and span.stop - span.start == len(logits)
            step = len(logits) if is_direct else self.plan.rows_at_once or len(logits)
            for begin in range(span.start, span.stop, step):
                part = slice(begin, min(begin + step, span.stop))
                rows = None if is_direct else self.pair_mask[part] - low
                self.gold_ranks[part], gold = ranks(logits, self.pair_id[part], rows)
                golds.append((part, gold))
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
