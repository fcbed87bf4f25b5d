"""Object losses: log-probabilities of objects through which torch can differentiate.

What belongs here: a forward pass over a few rows of queries that keeps its graph, weights that are
trainable for a while, and weights that come back as they were. What does not: scoring many queries
fast (``models_gpu.engine.scoring``), what is done with gradients (``models_gpu.methods``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from models_gpu.engine.devices import device_plan
from models_gpu.loading.load import LoadedModel
from models_gpu.prompting.queries import Queries

__all__ = ["ObjectScores", "equal_lengths", "object_scores", "trainable", "weights_kept"]


@dataclass(frozen=True)
class ObjectScores:
    """Scores of the objects of some rows, on the model's device."""

    log_probs: torch.Tensor
    """``[rows]`` natural log-probability of each object: the sum over its tokens."""
    is_top: torch.Tensor
    """``[rows]`` whether every token of the object is the most probable one at its position."""


def object_scores(
    model: LoadedModel, queries: Queries, rows: Sequence[int], token_budget: int | None = None
) -> ObjectScores:
    """Compute the log-probabilities of objects, with a graph if gradients are on.

    Rows of one length share a batch without padding, so that a row's result does not depend on the
    others, up to rounding.

    Args:
        model: from ``models_gpu.loading.load``, masked or causal.
        queries: from ``build_queries`` with 'gold'; ``rows`` have as many scored positions as their
            object has tokens.
        rows: rows of ``queries``, in any order; the result has the same order.
        token_budget: most tokens of a batch; chosen for the device when None.
    """
    device = model.device
    of_row = queries.row_query[np.asarray(rows, dtype=np.int64)].astype(np.int64)
    lengths = queries.lengths[of_row].tolist()
    log_probs: list[torch.Tensor] = []
    tops: list[torch.Tensor] = []
    order: list[int] = []
    budget = token_budget or device_plan(device).kept_token_budget
    for places in equal_lengths(lengths, budget):
        inputs, positions, golds, owners = [], [], [], []
        for place, own in enumerate(places):
            query, fact = int(of_row[own]), int(queries.row_fact[rows[own]])
            inputs.append(queries.token_ids[slice(*queries.token_offsets[query : query + 2])])
            positions += queries.scored_positions[
                slice(*queries.scored_offsets[query : query + 2])
            ].tolist()
            own_golds = queries.gold_ids[slice(*queries.gold_offsets[fact : fact + 2])].tolist()
            golds += own_golds
            owners += [place] * len(own_golds)
        owner = torch.tensor(owners, device=device)
        tokens = torch.from_numpy(np.stack(inputs).astype(np.int64)).to(device)
        hidden = model.view.encode(tokens, None)[owner, torch.tensor(positions, device=device)]
        logits = model.view.compute_logits(hidden)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        picked = logits.gather(1, torch.tensor(golds, device=device)[:, None])[:, 0]
        is_top = picked >= logits.amax(-1)
        totals = torch.zeros(len(places), dtype=logits.dtype, device=device)
        log_probs.append(totals.index_add(0, owner, picked - logits.logsumexp(-1)))
        missed = torch.zeros(len(places), device=device).index_add(0, owner, (~is_top).float())
        tops.append(missed == 0)
        order += places
    back = torch.from_numpy(np.argsort(order)).to(device)
    return ObjectScores(torch.cat(log_probs)[back], torch.cat(tops)[back])


def equal_lengths(lengths: Sequence[int], token_budget: int) -> Iterator[list[int]]:
    """Yield groups of places with equal lengths, each within the budget, the longest first."""
    by_length: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        by_length.setdefault(length, []).append(place)
    for length in sorted(by_length, reverse=True):
        places, count = by_length[length], max(1, token_budget // max(length, 1))
        for start in range(0, len(places), count):
            yield places[start : start + count]


@contextmanager
def trainable(parameters: Sequence[torch.nn.Parameter]) -> Iterator[None]:
    """Let gradients flow to some parameters, which have none outside of this block."""
    try:
        for parameter in parameters:
            parameter.requires_grad_(True)
        with torch.enable_grad():
            yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(False)
            parameter.grad = None


@contextmanager
def weights_kept(parameters: Sequence[torch.nn.Parameter]) -> Iterator[Callable[[], None]]:
    """Copy some parameters, and give back a function that restores them, bit by bit.

    They are restored at the end of the block too, also after an error. The copy takes as much
    memory on the device as the parameters themselves.
    """
    kept = [parameter.detach().clone() for parameter in parameters]

    @torch.no_grad()
    def restore() -> None:
        for parameter, copy in zip(parameters, kept, strict=True):
            parameter.copy_(copy)

    try:
        yield restore
    finally:
        restore()
