"""Logits: the best tokens of a row, and where a given token stands in it.

What belongs here: reading rows of logits exactly, with equal logits in the order of their ids. What
does not: computing logits, or deciding what they mean.
"""

from __future__ import annotations

import numpy as np
import torch

__all__ = ["best_tokens", "largest", "ranks"]

_BLOCK_WIDTH = 64


def best_tokens(
    logits: torch.Tensor, count: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The ``count`` most probable tokens of every row of float32 logits, equal ones by smaller id.

    Returns:
        Ids, int64, and natural log-target_probabilities, float32, both ``[rows, count]``, best first; and
        ``[rows, 1]``, what has to be taken from a logit to make it a log-probability.
    """
    best, ids = largest(logits, count)
    # One fused pass; the probability of the best token is the normaliser without its logit.
    normaliser = best[:, :1] - logits.softmax(-1).gather(1, ids[:, :1]).log_()
    return ids, best - normaliser, normaliser


def largest(logits: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``count`` largest logits of every row and their ids, equal ones by smaller id.

    One pass finds the largest logit of every ``_BLOCK_WIDTH`` neighbours; the winners all lie in
    the ``count`` best of these blocks, so that only those are looked at again.

    Returns:
        float32 and int64, both ``[rows, count]``, best first.
    """
    vocabulary = logits.shape[1]
    whole = vocabulary // _BLOCK_WIDTH
    blocks = logits[:, : whole * _BLOCK_WIDTH].reshape(len(logits), whole, _BLOCK_WIDTH).amax(-1)
    if whole * _BLOCK_WIDTH < vocabulary:
        rest = logits[:, whole * _BLOCK_WIDTH :].amax(-1, keepdim=True)
        blocks = torch.cat([blocks, rest], dim=1)
    column = torch.arange(blocks.shape[1], device=logits.device)
    best_blocks = _sortable(blocks, column).topk(min(count, blocks.shape[1]), dim=1).indices
    width = torch.arange(_BLOCK_WIDTH, device=logits.device)
    ids = (best_blocks[:, :, None] * _BLOCK_WIDTH + width).flatten(1)
    is_real = ids < vocabulary
    ids = ids.clamp_(max=vocabulary - 1)
    values = logits.gather(1, ids)
    keys = _sortable(values, ids).masked_fill_(~is_real, torch.iinfo(torch.int64).min)
    winners = keys.topk(count, dim=1, sorted=True).indices
    return values.gather(1, winners), ids.gather(1, winners)


def _sortable(values: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """int64 keys that order as (value descending, id ascending) when sorted descending."""
    # Adding zero turns -0.0 into 0.0, which compares equal but has other bits.
    bits = (values + 0.0).view(torch.int32)
    ordered = torch.where(bits >= 0, bits, bits ^ 0x7FFFFFFF).to(torch.int64)
    return (ordered << 32) - ids


def ranks(logits: torch.Tensor, token_id: torch.Tensor, gold: torch.Tensor) -> torch.Tensor:
    """1 + larger logits + equal logits of smaller id; ``[rows]`` int32.

    Rank 1 is the argmax, whatever is equal to it.
    """
    if logits.device.type == "cpu":
        # numpy counts at the rate of memory, ten times as fast as torch.
        rows = zip(logits.numpy(), token_id[:, 0].tolist(), gold[:, 0].numpy(), strict=True)
        counts = [
            1 + np.count_nonzero(row > value) + np.count_nonzero(row[:token] == value)
            for row, token, value in rows
        ]
        return torch.tensor(counts, dtype=torch.int32)
    column = torch.arange(logits.shape[1], device=logits.device)
    is_before = (logits == gold).logical_and_(column < token_id)
    return (1 + (logits > gold).count_nonzero(-1) + is_before.count_nonzero(-1)).to(torch.int32)
