"""Decoding: what a causal model says next, token by token, always the most probable one.

What belongs here: continuing texts greedily with a cache of keys and values. What does not: which
texts there are and what the answers mean (``models_gpu.methods.probing``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import torch

from models_gpu.engine.batching import plan_batches, run_with_oom_retry
from models_gpu.engine.logits import best_tokens
from models_gpu.loading.load import LoadedModel
from models_gpu.ragged import Ints, Longs, offsets_of

__all__ = ["Continuations", "continue_greedily"]


@dataclass(frozen=True)
class Continuations:
    """The next tokens of every text, one text after another; tensors on the model's device."""

    token_ids: torch.Tensor
    """``[tokens, top]`` int32: most probable ids, best first, equal ones by id. The first of a row
    is the token said, which the next row goes on from."""
    log_probs: torch.Tensor
    """``[tokens, top]`` float32: their natural log-probabilities."""
    offsets: Longs
    """``[texts + 1]`` where the tokens of a text begin."""
    recomputed_count: int
    """Texts with a near tie that were continued again, alone."""


def continue_greedily(
    model: LoadedModel,
    texts: Sequence[Ints],
    steps: Longs,
    *,
    top: int,
    near_tie: float | None,
    token_budget: int,
    row_count: int,
    advance: Callable[[int], None],
    pool: Executor | None,
) -> Continuations:
    """Continue every text by its number of steps, ends of text included.

    Texts of one length go together, unpadded; those with more steps go on when others are done. A
    text in which two best tokens come close is continued again alone, so that the answer depends on
    nothing but the text.

    Args:
        model: a causal model.
        texts: token ids, at least one each.
        steps: ``[texts]`` tokens wanted, at least one each.
        top: candidates kept per token, at least 2.
        near_tie: nats between the two best tokens below which a text is continued again; None:
            never.
        token_budget: most tokens of the texts of one batch.
        row_count: most texts of one batch.
        advance: called with the number of texts that are done.
        pool: from ``models_gpu.engine.batching.core_pool``.

    Raises:
        ModelError: a text that does not fit the device alone.
    """
    counts = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    order = np.lexsort((-steps, -counts))
    offsets = offsets_of(steps)
    shape = (int(offsets[-1]), top)
    token_ids = torch.zeros(shape, dtype=torch.int32, device=model.device)
    log_probs = torch.zeros(shape, dtype=torch.float32, device=model.device)

    def run(start: int, stop: int) -> None:
        members = order[start:stop]
        batch = torch.from_numpy(np.stack([texts[text] for text in members]).astype(np.int64))
        wanted, places = steps[members], offsets[members]
        for step, (ids, best) in enumerate(_say(model, batch.to(model.device), wanted, top)):
            rows = torch.from_numpy(places[: len(ids)] + step).to(model.device)
            token_ids[rows] = ids.to(torch.int32)
            log_probs[rows] = best

    @torch.inference_mode()
    def run_and_tell(start: int, stop: int) -> None:
        run(start, stop)
        advance(stop - start)

    batches = (
        (low, min(low + row_count, stop))
        for start, stop in plan_batches(counts[order], token_budget, 0.0)
        for low in range(start, stop, row_count)
    )
    run_with_oom_retry(batches, counts[order], run_and_tell, model.release_memory, "prompt", pool)
    again: list[int] = []
    if near_tie is not None and len(texts):
        is_close = (log_probs[:, 0] - log_probs[:, 1] < near_tie).cpu().numpy()
        again = np.flatnonzero(np.logical_or.reduceat(is_close, offsets[:-1])[order]).tolist()
        for place in again:
            run(place, place + 1)
    return Continuations(token_ids, log_probs, offsets, len(again))


def _say(
    model: LoadedModel, token_ids: torch.Tensor, steps: Longs, top: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Candidates of the next token, step by step, of the texts that still go on.

    Args:
        model: a causal model.
        token_ids: ``[texts, length]`` int64.
        steps: ``[texts]`` descending.
        top: candidates.

    Yields:
        Ids and log-target_probabilities, both ``[texts that go on, top]``.
    """
    view = model.view
    hidden, cache = view.encode_with_cache(token_ids)
    for step in range(int(steps[0])):
        ids, log_probs, _ = best_tokens(view.compute_logits(hidden[:, -1]).float(), top)
        yield ids, log_probs
        going = int(np.count_nonzero(steps > step + 1))
        if not going:
            return
        if going < len(ids):
            cache.batch_select_indices(torch.arange(going, device=ids.device))
        hidden, cache = view.encode_with_cache(ids[:going, :1], cache)
