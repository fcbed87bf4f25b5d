"""Adapters: one view of every model family, read from the table ``architectures.yml``.

What belongs here: where a family keeps its backbone, layers, down projections, head and decoder,
and the two computations that follow from it (encode, project). What does not: batching, tokenising,
and any ``if`` on a family's name: a difference between families is a line of the table.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from models_gpu.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["Adapter", "Architecture", "architecture", "architectures"]

_TABLE = Path(__file__).with_name("architectures.yml")
_COLUMNS_AT_ONCE = 2048


@dataclass(frozen=True)
class Architecture:
    """One model family: a block of ``architectures.yml``."""

    name: str
    """``model_type`` of config.json."""
    objective: str
    """'masked' or 'causal' language modelling."""
    backbone: str
    """Module path of the part that turns token ids into the last hidden states."""
    embeddings: str
    """Module path of the token embeddings."""
    layers: str
    """Module path of the list of transformer layers."""
    down_projection: str
    """Path inside a layer of the FFN's second linear map, whose input are the neurons."""
    head: tuple[str, ...]
    """Steps between a hidden state and the decoder; 'name()' is an activation function."""
    decoder: str
    """Module path of the linear map onto the vocabulary."""
    layer_count: str
    """Key of config.json that holds the number of layers."""
    neuron_count: str
    """Key of config.json that holds the FFN neurons per layer."""
    hidden_size: str
    """Key of config.json that holds the width of the residual stream."""
    positions_after_padding: bool
    """Whether position ids start after the padding id, so that fewer positions are usable."""
    ignored_token: str | None
    """Piece dropped from both sides before predictions are compared; None where there is none."""
    object_keeps_space: bool
    """Whether a label after a space is tokenised differently from the label alone."""

    def usable_positions(self, config: dict[str, Any]) -> int:
        """Tokens, special ones included, that a query of this family may have."""
        positions = int(config["max_position_embeddings"])
        if self.positions_after_padding:
            positions -= int(config.get("pad_token_id") or 0) + 1
        return positions

    def ignored_token_id(self, tokenizer: Any) -> int | None:
        """Id of ``ignored_token`` in a transformers tokenizer; None where either is missing."""
        if self.ignored_token is None:
            return None
        vocabulary: dict[str, int] = tokenizer.get_vocab()
        return vocabulary.get(self.ignored_token)


@cache
def architectures() -> dict[str, Architecture]:
    """All supported families by name, in the order of the table."""
    table = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
    known = {field.name for field in fields(Architecture)} - {"name"}
    for name, block in table.items():
        if set(block) != known:
            raise ModelError(f"{_TABLE.name}: {name}: keys differ by {sorted(set(block) ^ known)}")
    return {
        name: Architecture(name=name, **{**block, "head": tuple(block["head"])})
        for name, block in table.items()
    }


def architecture(model_type: str) -> Architecture:
    """The family called ``model_type``.

    Raises:
        ModelError: the family is not in the table; the message lists near matches and all names.
    """
    table = architectures()
    if model_type not in table:
        near = difflib.get_close_matches(model_type, table, n=2, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ModelError(
            f"unknown architecture '{model_type}'{hint} Supported: {', '.join(table)}. "
            f"A further family is one more block in models_gpu/{_TABLE.name}."
        )
    return table[model_type]


class Adapter:
    """A loaded transformers model seen through its family's block.

    ``layers`` and ``down_projections`` are lists with one module per layer, for whoever reads or
    edits neurons; ``encode`` and ``project`` are the two halves of the model's own forward pass.
    """

    def __init__(self, model: nn.Module, family: Architecture) -> None:
        """Look every module of the family's block up in ``model``.

        Raises:
            AttributeError: the model is not of that family.
        """
        self.model = model
        self.family = family
        self.embeddings: nn.Module = model.get_submodule(family.embeddings)
        self.layers: list[nn.Module] = list(model.get_submodule(family.layers).children())
        self.down_projections: list[nn.Module] = [
            layer.get_submodule(family.down_projection) for layer in self.layers
        ]
        self._backbone = model.get_submodule(family.backbone)
        self._head = tuple(_step(model, step) for step in family.head)
        self._decoder: Any = model.get_submodule(family.decoder)

    @property
    def vocabulary_size(self) -> int:
        """Rows of the output projection."""
        return int(self._decoder.weight.shape[0])

    @property
    def hidden_size(self) -> int:
        """Width of the residual stream."""
        config: Any = self.model.config
        return int(getattr(config, self.family.hidden_size))

    def encode(self, token_ids: torch.Tensor, is_token: torch.Tensor | None) -> torch.Tensor:
        """Last hidden states.

        Args:
            token_ids: ``[batch, length]`` int64, padded on the right with the padding id.
            is_token: ``[batch, length]`` bool, false at padding; None when nothing is padded, which
                lets attention take its fastest kernel.

        Returns:
            ``[batch, length, hidden]`` in the model's dtype.
        """
        # The 4-D form is passed through as it is; a 2-D mask would be inspected for padding, which
        # makes the host wait for the device in every batch.
        mask = (
            None
            if is_token is None
            else is_token[:, None, None, :].expand(-1, 1, token_ids.shape[1], -1)
        )
        hidden: torch.Tensor = self._backbone(
            input_ids=token_ids, attention_mask=mask
        ).last_hidden_state
        return hidden

    def project(self, hidden: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Logits of selected hidden states, through the head's transform, decoder and bias.

        Args:
            hidden: ``[rows, hidden]`` last hidden states.
            out: ``[rows, vocabulary]`` buffer of the model's dtype to write to; saves the cost of
                fresh memory for every block of rows.

        Returns:
            ``[rows, vocabulary]`` logits in the model's dtype.
        """
        import torch

        for step in self._head:
            hidden = step(hidden)
        weight, bias = self._decoder.weight, self._decoder.bias
        if out is None or bias is None:
            logits: torch.Tensor = self._decoder(hidden)
            return logits
        if hidden.device.type != "cpu":
            return torch.addmm(bias, hidden, weight.t(), out=out)
        # Rows of a whole vocabulary lie so far apart that a CPU's product stumbles over pages and
        # loses a third of its rate; narrow products, copied to their place, keep it.
        scratch = hidden.new_empty(len(hidden) * _COLUMNS_AT_ONCE)
        for start in range(0, len(weight), _COLUMNS_AT_ONCE):
            columns = slice(start, min(start + _COLUMNS_AT_ONCE, len(weight)))
            narrow = scratch[: len(hidden) * (columns.stop - start)].view(len(hidden), -1)
            torch.addmm(bias[columns], hidden, weight[columns].t(), out=narrow)
            out[:, columns] = narrow
        return out


def _step(model: nn.Module, step: str) -> Callable[[torch.Tensor], torch.Tensor]:
    if step.endswith("()"):
        from transformers.activations import ACT2FN

        function: Callable[[torch.Tensor], torch.Tensor] = ACT2FN[step.removesuffix("()")]
        return function
    module: Callable[[torch.Tensor], torch.Tensor] = model.get_submodule(step)
    return module
