"""Logits: the best tokens of a row, and the rank of a given token.

What belongs here: exact ranks, with equal logits in the order of their token ids. What does not:
computing logits, or interpreting them.
"""

from __future__ import annotations

import numpy as np
import torch

__all__ = ["best_tokens", "largest", "ranks"]

_BLOCK_WIDTH = 64


def best_tokens(
    logits: torch.Tensor, count: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Find the ``count`` most probable tokens of every row of float32 logits, equal ones by id.

    Returns:
        Ids (int64) and natural log-probabilities (float32), both ``[rows, count]``, best first; and
        the normaliser ``[rows, 1]``: log-probability = logit - normaliser.
    """
    best, ids = largest(logits, count)
    # normaliser = best logit - log softmax(best logit): softmax is one fused pass over the row.
    normaliser = best[:, :1] - logits.softmax(-1).gather(1, ids[:, :1]).log_()
    return ids, best - normaliser, normaliser


def largest(logits: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the ``count`` largest logits of every row and their ids, equal ones by smaller id.

    One pass finds the largest logit of every block of ``_BLOCK_WIDTH`` neighbours. All results lie
    in the ``count`` best blocks, so only these are sorted.

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
    """Make int64 keys; sorted descending they give values descending, then ids ascending."""
    # Adding zero turns -0.0 into 0.0: both are equal, but their bits differ.
    bits = (values + 0.0).view(torch.int32)
    ordered = torch.where(bits >= 0, bits, bits ^ 0x7FFFFFFF).to(torch.int64)
    return (ordered << 32) - ids


def ranks(
    logits: torch.Tensor, token_id: torch.Tensor, row: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rank given tokens: 1 + larger logits + equal logits of smaller id.

    The token of rank 1 is the one that ``best_tokens`` puts first.

    Args:
        logits: ``[rows, vocabulary]`` float32.
        token_id: ``[pairs]`` int64.
        row: ``[pairs]`` the row of each token; None if every row has one, in order.

    Returns:
        ``[pairs]`` int32 ranks and float32 logits of the tokens.
    """
    places = torch.arange(len(token_id), device=logits.device) if row is None else row
    gold = logits[places, token_id]
    if logits.device.type == "cpu":
        # On a CPU numpy counts ten times as fast as torch, and copies no row.
        rows = logits.numpy()
        pairs = zip(places.tolist(), token_id.tolist(), gold.numpy(), strict=True)
        counts = [
            1
            + np.count_nonzero(rows[place] > value)
            + np.count_nonzero(rows[place, :token] == value)
            for place, token, value in pairs
        ]
        return torch.tensor(counts, dtype=torch.int32), gold
    of_pair = logits if row is None else logits[row]
    column = torch.arange(logits.shape[1], device=logits.device)
    is_before = (of_pair == gold[:, None]).logical_and_(column < token_id[:, None])
    larger = (of_pair > gold[:, None]).count_nonzero(-1)
    return (1 + larger + is_before.count_nonzero(-1)).to(torch.int32), gold
