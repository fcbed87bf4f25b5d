"""Packing: sentences of a corpus in rows of one length, each seeing only itself.

What belongs here: what an epoch's rows hold, and where each of their tokens comes from. What does
not: what is asked of a row (``masked``, ``causal``).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from models_gpu.atlas.corpus_files import TokenisedText
    from models_gpu.atlas.recipe import Recipe

__all__ = ["Rows", "StepInput", "pack", "unpack"]


@dataclass(frozen=True)
class StepInput:
    """What the model sees in one step."""

    ids: Tensor
    """Token ids, (rows, tokens)."""
    targets: Tensor
    """Token ids to predict, -1 where nothing is asked, (rows, tokens)."""
    attention_mask: Tensor
    """True where the first token sees the second, (rows, 1, tokens, tokens)."""
    positions: Tensor
    """Place of each token in its own sentence, (rows, tokens)."""

    def to(self, device: str) -> StepInput:
        """The same step on another device."""
        moved = (getattr(self, field.name).to(device) for field in fields(self))
        return StepInput(*moved)


@dataclass(frozen=True)
class Rows:
    """The tokens of one step's rows; all (rows, tokens)."""

    ids: Tensor
    """Token ids, zero at padding."""
    is_token: Tensor
    """False at padding."""
    order: Tensor
    """Which sentence of its row a token belongs to; padding belongs to the one after the last."""
    sentence: Tensor
    """Number of that sentence in the corpus, zero at padding."""
    positions: Tensor
    """Place of each token in its own sentence."""
    place: Tensor
    """Place of each token in the corpus."""


def pack(text: TokenisedText, recipe: Recipe, chance: torch.Generator) -> Tensor:
    """One epoch in random order: sentence numbers packed into rows, (rows, sentences), -1 = none.

    A row takes the next sentence as long as it fits, so that little is padded and each step sees
    sentences of all languages and lengths.
    """
    lengths = text.lengths.tolist()
    rows: list[list[int]] = [[]]
    room = recipe.row_tokens
    for sentence in torch.randperm(len(lengths), generator=chance).tolist():
        if lengths[sentence] > room:
            rows.append([])
            room = recipe.row_tokens
        rows[-1].append(sentence)
        room -= lengths[sentence]
    width = max(map(len, rows))
    return torch.tensor([row + [-1] * (width - len(row)) for row in rows])


def unpack(text: TokenisedText, batch: Tensor, row_tokens: int) -> Rows:
    """The tokens of some rows of ``pack``, (rows, sentences), each ``row_tokens`` long."""
    shape = (len(batch), row_tokens)
    starts = text.lengths.cumsum(0) - text.lengths
    is_used = batch >= 0
    lengths = text.lengths[batch] * is_used
    ends = lengths.cumsum(1)
    columns = torch.arange(row_tokens)
    order = torch.searchsorted(ends, columns.expand(shape).contiguous(), right=True)
    is_token = columns < ends[:, -1:]
    order = torch.where(is_token, order, batch.shape[1])
    padded = torch.nn.functional.pad(batch, (0, 1), value=-1)
    sentence = padded.gather(1, order).clamp(min=0)
    begin = torch.nn.functional.pad(ends - lengths, (0, 1)).gather(1, order)
    positions = torch.where(is_token, columns - begin, 0)
    place = starts[sentence] + positions
    ids = torch.where(is_token, text.token_ids[place], 0)
    return Rows(ids, is_token, order, sentence, positions, place)
