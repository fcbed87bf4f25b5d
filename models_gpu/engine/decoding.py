"""Greedy decoding: a causal model's most probable next tokens, one after another.

What belongs here: continuing texts greedily with a key-value cache. What does not: which texts are
continued, and the use of the answers (``models_gpu.engine.greedy_answers``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models_gpu.engine.batching import plan_batches, run_with_oom_retry
from models_gpu.engine.logits import best_tokens
from models_gpu.engine.shared_prefixes import encode_prefixes_once
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import forward_work
from models_gpu.ragged import Ints, Longs, offsets_of

__all__ = ["Continuations", "continue_greedily", "decoding_work"]


@dataclass(frozen=True)
class Continuations:
    """The next tokens of every text, one text after another; tensors on the model's device."""

    token_ids: torch.Tensor
    """``[tokens, top]`` int32: most probable ids, best first, equal ones by id. The first id of a
    row is the generated token, on which the next row depends."""
    log_probs: torch.Tensor
    """``[tokens, top]`` float32: their natural log-probabilities."""
    offsets: Longs
    """``[texts + 1]`` where the tokens of a text begin."""
    recomputed_count: int
    """Texts with a near tie, which were continued again, alone."""


def continue_greedily(
    model: LoadedModel,
    texts: Sequence[Ints],
    steps: Longs,
    *,
    top: int,
    near_tie: float | None,
    token_budget: int,
    row_count: int,
    advance: Callable[[float], None],
    pool: Executor | None,
) -> Continuations:
    """Continue every text by its number of steps; an end-of-text token does not stop it.

    Texts of one length share a batch without padding. A text leaves its batch after its last step.
    A text in which the two best tokens nearly tie is continued again, alone, so that the answer
    depends on nothing but the text.

    Args:
        model: a causal model.
        texts: token ids, at least one each.
        steps: ``[texts]`` tokens to generate, at least one each.
        top: number of candidates per token, at least 2.
        near_tie: nats between the two best tokens below which a text is continued again, alone;
            None never does so.
        token_budget: most tokens of the texts of one batch.
        row_count: most texts of one batch.
        advance: called with the work that was done since the last call.
        pool: from ``models_gpu.engine.batching.core_pool``.

    Raises:
        ModelError: a text that does not fit on the device alone.
    """
    counts = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    order = np.lexsort((-steps, -counts))
    offsets, work = offsets_of(steps), decoding_work(model, texts, steps)
    shape = (int(offsets[-1]), top)
    token_ids = torch.zeros(shape, dtype=torch.int32, device=model.device)
    log_probs = torch.zeros(shape, dtype=torch.float32, device=model.device)

    def run(start: int, stop: int) -> None:
        members = order[start:stop]
        batch = torch.from_numpy(np.stack([texts[text] for text in members]).astype(np.int64))
        wanted, places = steps[members], offsets[members]
        for step, (ids, best) in enumerate(
            _next_tokens(model, batch.to(model.device), wanted, top)
        ):
            rows = torch.from_numpy(places[: len(ids)] + step).to(model.device)
            token_ids[rows] = ids.to(torch.int32)
            log_probs[rows] = best

    @torch.inference_mode()
    def run_and_report(start: int, stop: int) -> None:
        run(start, stop)
        advance(float(work[order[start:stop]].sum()))

    batches = _batches(counts[order], token_budget, row_count)
    run_with_oom_retry(batches, counts[order], run_and_report, model.release_memory, "prompt", pool)
    near_ties: list[int] = []
    if near_tie is not None and len(texts):
        is_close = (log_probs[:, 0] - log_probs[:, 1] < near_tie).cpu().numpy()
        has_tie = np.logical_or.reduceat(is_close, offsets[:-1])
        near_ties = np.flatnonzero(has_tie[order]).tolist()
        for place in near_ties:
            run(place, place + 1)
    return Continuations(token_ids, log_probs, offsets, len(near_ties))


def decoding_work(
    model: LoadedModel, texts: Sequence[Ints], steps: Longs
) -> npt.NDArray[np.float64]:
    """Count the work of continuing each text: ``[texts]``."""
    counts = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    work: npt.NDArray[np.float64] = forward_work(model, counts + steps - 1, steps)
    return work


def _batches(lengths: Longs, token_budget: int, row_count: int) -> Iterator[tuple[int, int]]:
    """Cut texts into batches that keep both bounds."""
    for start, stop in plan_batches(lengths, token_budget, 0.0):
        for low in range(start, stop, row_count):
            yield low, min(low + row_count, stop)


def _next_tokens(
    model: LoadedModel, token_ids: torch.Tensor, steps: Longs, top: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Generate candidates of the next token, step by step, for the texts that need more steps.

    Args:
        model: a causal model.
        token_ids: ``[texts, length]`` int64.
        steps: ``[texts]`` descending.
        top: number of candidates.

    Yields:
        Ids and log-probabilities of one step, both ``[texts that need this step, top]``.
    """
    view = model.view
    hidden, cache = encode_prefixes_once(view, token_ids)
    for step in range(int(steps[0])):
        ids, log_probs, _ = best_tokens(view.compute_logits(hidden[:, -1]).float(), top)
        yield ids, log_probs
        remaining = int(np.count_nonzero(steps > step + 1))
        if not remaining:
            return
        if remaining < len(ids):
            cache.batch_select_indices(torch.arange(remaining, device=ids.device))
        hidden, cache = view.encode_with_cache(ids[:remaining, :1], cache)
