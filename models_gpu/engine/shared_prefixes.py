"""Shared prefixes: texts of a causal model that begin alike are read once up to where they differ.

What belongs here: where a batch of texts is cut, and the passes over its parts. What does not:
which texts share a batch, and what is read off their hidden states.

In a causal model a token's keys, values and hidden state depend on the tokens before it alone. So
the distinct beginnings of a batch are run first, and each text continues from the keys and values
of its own. The results are those of whole texts, up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from models_gpu.engine.devices import device_plan
from models_gpu.loading.families import ModelView
from models_gpu.ragged import Longs

__all__ = ["encode_prefixes_once"]


def encode_prefixes_once(view: ModelView, token_ids: torch.Tensor) -> tuple[torch.Tensor, Any]:
    """Compute last hidden states of texts of one length; what several begin with is run once.

    Args:
        view: a causal model.
        token_ids: ``[texts, length]`` int64, without padding.

    Returns:
        ``[texts, length, hidden]`` in the model's dtype, and the cache, from which each text can be
        continued (``ModelView.encode_with_cache``).
    """
    cost = device_plan(token_ids.device).pass_tokens
    if cost is None:
        return view.encode_with_cache(token_ids)
    states: list[torch.Tensor] = []
    cache, start, before = None, 0, np.zeros(len(token_ids), dtype=np.int64)
    for stop, texts, prefix in _parts(token_ids.numpy(), cost):
        if cache is not None:
            cache.batch_select_indices(torch.from_numpy(before[texts]))
        part = token_ids[torch.from_numpy(texts), start:stop]
        hidden, cache = view.encode_with_cache(part, cache)
        states.append(hidden[torch.from_numpy(prefix)])
        start, before = stop, prefix
    return torch.cat(states, dim=1), cache


def _parts(token_ids: Longs, cost: int) -> Iterator[tuple[int, Longs, Longs]]:
    """Cut texts so that fewest tokens are run, ``cost`` more for every part.

    Yields:
        For each part its end; one text per distinct beginning up to there, whose tokens are run;
        and ``[texts]`` the place of each text among these beginnings.
    """
    count, length = token_ids.shape
    order = np.lexsort(token_ids.T[::-1])
    is_same = token_ids[order[1:]] == token_ids[order[:-1]]
    shared = np.logical_and.accumulate(is_same, axis=1).sum(axis=1)
    for stop in _cuts([1 + int((shared < end).sum()) for end in range(1, length + 1)], cost):
        if stop == length:
            yield stop, np.arange(count), np.arange(count)
            return
        is_first = np.concatenate([[True], shared < stop])
        prefix = np.empty(count, dtype=np.int64)
        prefix[order] = np.cumsum(is_first) - 1
        yield stop, order[is_first], prefix


def _cuts(distinct: list[int], cost: int) -> list[int]:
    """Choose the ends of parts from the number of distinct beginnings of each length."""
    best: list[tuple[int, list[int]]] = [(0, [])]
    for end, texts in enumerate(distinct, 1):
        start = min(range(end), key=lambda start: best[start][0] + texts * (end - start))
        total, ends = best[start]
        best.append((total + texts * (end - start) + cost, [*ends, end]))
    return best[-1][1]
