"""Model families: one view of all supported transformers models, from ``architectures.yml``.

What belongs here: the module paths of a family (backbone, layers, down projections, head, decoder),
and the two halves of a forward pass (``encode``, ``compute_logits``). What does not: batching,
tokenising, and any ``if`` on a family's name. A difference between families is a line of the table.
"""

from __future__ import annotations

import difflib
import inspect
import threading
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

__all__ = ["Architecture", "ModelView", "architecture", "architectures"]

_TABLE = Path(__file__).with_name("architectures.yml")
_COLUMNS_AT_ONCE = 2048
_CLASSES = {"masked": "AutoModelForMaskedLM", "causal": "AutoModelForCausalLM"}


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
    """Path inside a layer of the FFN's second linear map; the neurons are its inputs."""
    attention_norm: str | None
    """Path inside a layer of the norm whose output is the only input of the FFN and of its
    residual connection; None: the family has no such norm."""
    branch_norm: str | None
    """Path inside a layer of the norm between down projection and residual stream; None: none."""
    branch_norm_epsilon: str | None
    """Key of config.json with ε, if ``branch_norm`` divides by the root mean square and the down
    projection has no bias; None: another norm, or none."""
    residual_norm: str | None
    """Path inside a layer of the norm after the residual sum; None: none."""
    head: tuple[str, ...]
    """Steps between a hidden state and the decoder; 'name()' is an activation function."""
    decoder: str
    """Module path of the linear map onto the vocabulary."""
    logit_cap: str | None
    """Key of config.json with the cap of soft-capped logits; None: logits are not capped."""
    position_count: str | None
    """Key of config.json with the number of positions; None: no limit."""
    positions_after_padding: bool
    """Whether position ids start after the padding id, which leaves fewer usable positions."""
    ignored_token: str | None
    """Token that is dropped before predictions and objects are compared; None: none."""
    object_keeps_space: bool
    """Whether a label after a space has other tokens than the label alone."""
    needs_start: bool
    """Whether the model is useless without its start token before the text."""
    attention: str
    """Attention implementation that is exact for this family: 'sdpa' or 'eager'."""

    @property
    def is_causal(self) -> bool:
        """Whether a token attends only to earlier tokens."""
        return self.objective == "causal"

    @property
    def model_class(self) -> Any:
        """Auto class of transformers that loads a model with its language-modelling head."""
        import transformers

        return getattr(transformers, _CLASSES[self.objective])

    def usable_positions(self, config: dict[str, Any]) -> int | None:
        """Compute the longest query in tokens, special ones included; None: no limit."""
        if self.position_count is None:
            return None
        positions = int(config[self.position_count])
        if self.positions_after_padding:
            positions -= int(config.get("pad_token_id") or 0) + 1
        return positions

    def ignored_token_id(self, tokenizer: Any) -> int | None:
        """Find the id of ``ignored_token`` in a transformers tokenizer; None: not there."""
        if self.ignored_token is None:
            return None
        vocabulary: dict[str, int] = tokenizer.get_vocab()
        return vocabulary.get(self.ignored_token)


@cache
def architectures() -> dict[str, Architecture]:
    """Read all supported families, by name, in the order of the table."""
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
    """Find the family with this ``model_type``.

    Raises:
        ModelError: an unknown family; the message suggests close matches and lists all names.
    """
    table = architectures()
    if model_type not in table:
        near = difflib.get_close_matches(model_type, table, n=2, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ModelError(
            f"unknown architecture '{model_type}'{hint} Supported: {', '.join(table)}. "
            f"To add a family, add a block to models_gpu/loading/{_TABLE.name}."
        )
    return table[model_type]


class ModelView:
    """A loaded transformers model with the module names of its family's block.

    ``layers``, ``down_projections`` and the norms are lists with one entry per layer; code that
    reads or edits neurons puts its hooks there. ``encode`` and ``compute_logits`` are the two
    halves of the model's own forward pass. ``encode_with_cache`` is the first half for a causal
    model whose earlier tokens are in a key-value cache.
    """

    def __init__(self, model: nn.Module, family: Architecture) -> None:
        """Find every module of the family's block in ``model``.

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
        self.branch_norms = self._in_layers(family.branch_norm)
        self.residual_norms = self._in_layers(family.residual_norm)
        self.layer_parameter_count = sum(
            parameter.numel() for layer in self.layers for parameter in layer.parameters()
        )
        self._narrow = threading.local()
        self._narrowing = threading.Lock()
        self._is_narrowed = False
        self._backbone = model.get_submodule(family.backbone)
        # transformers 5.0 has the second name, 5.24 the first, also in the output.
        names = inspect.signature(self._backbone.forward).parameters
        self._cache_name = "cache" if "cache" in names else "past_key_values"
        self._head = tuple(_step(model, step) for step in family.head)
        self._decoder: Any = model.get_submodule(family.decoder)
        config: Any = model.config
        cap: float | None = getattr(config, family.logit_cap) if family.logit_cap else None
        self._logit_cap = cap
        kinds = getattr(config, "layer_types", None) or ()
        self._has_window = any("sliding" in kind for kind in kinds)
        key = family.branch_norm_epsilon
        self.branch_epsilon: float | None = float(getattr(config, key)) if key else None

    @property
    def neuron_count(self) -> int:
        """Number of FFN neurons per layer: inputs of a down projection."""
        return self._down_shape[0]

    @property
    def hidden_size(self) -> int:
        """Width of the residual stream: outputs of a down projection."""
        return self._down_shape[1]

    @property
    def _down_shape(self) -> tuple[int, int]:
        down: Any = self.down_projections[0]
        # GPT-2's projection is a Conv1D: weight [inputs, outputs], and no in_features.
        if hasattr(down, "in_features"):
            return int(down.in_features), int(down.out_features)
        inputs, outputs = down.weight.shape
        return int(inputs), int(outputs)

    def _in_layers(self, path: str | None) -> list[nn.Module | None]:
        return [None if path is None else layer.get_submodule(path) for layer in self.layers]

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids: rows of the decoder."""
        return int(self._decoder.weight.shape[0])

    def encode(self, token_ids: torch.Tensor, is_token: torch.Tensor | None) -> torch.Tensor:
        """Compute last hidden states.

        Args:
            token_ids: ``[batch, length]`` int64, padded on the right with the padding id.
            is_token: ``[batch, length]`` bool, false at padding. None without padding, which allows
                the fastest attention kernel. A causal model ignores it: no token attends to the
                padding after it.

        Returns:
            ``[batch, length, hidden]`` in the model's dtype.
        """
        if self.family.is_causal:
            return self._last_states(input_ids=token_ids, use_cache=False)
        # A 4-D mask is used as it is, also by layers with a window, which would lose it. For others
        # it saves time: transformers inspects a 2-D mask, and the host waits for the device.
        mask = is_token
        if is_token is not None and not self._has_window:
            mask = is_token[:, None, None, :].expand(-1, 1, token_ids.shape[1], -1)
        return self._last_states(input_ids=token_ids, attention_mask=mask)

    def encode_at(
        self, token_ids: torch.Tensor, is_token: torch.Tensor | None, places: torch.Tensor
    ) -> torch.Tensor:
        """Compute last hidden states at some positions.

        After the attention of the last layer only these positions are computed, if the family has
        an ``attention_norm``.

        Args:
            token_ids: as of ``encode``.
            is_token: as of ``encode``.
            places: ``[rows]`` int64, ``sequence * length + position`` of each.

        Returns:
            ``[rows, hidden]`` in the model's dtype.
        """
        path = self.family.attention_norm
        if path is None:
            return self.encode(token_ids, is_token).flatten(0, 1)[places]
        with self._narrowing:
            # One hook for all threads: adding and removing it would disturb the other threads.
            if not self._is_narrowed:
                norm = self.layers[-1].get_submodule(path)
                norm.register_forward_hook(self._keep_rows)
                self._is_narrowed = True
        self._narrow.places = places
        try:
            return self.encode(token_ids, is_token).flatten(0, 1)
        finally:
            self._narrow.places = None

    def _keep_rows(self, _: nn.Module, __: Any, states: torch.Tensor) -> torch.Tensor | None:
        """Hook: select the rows that this thread asked for, as one sequence."""
        places: torch.Tensor | None = getattr(self._narrow, "places", None)
        return None if places is None else states.flatten(0, 1)[places][None]

    def _last_states(self, **inputs: Any) -> torch.Tensor:
        hidden: torch.Tensor = self._backbone(**inputs).last_hidden_state
        return hidden

    def encode_with_cache(
        self, token_ids: torch.Tensor, cache: Any = None
    ) -> tuple[torch.Tensor, Any]:
        """Compute last hidden states of a causal model's next tokens, and extend its cache.

        Args:
            token_ids: ``[batch, length]`` int64, without padding.
            cache: keys and values of the earlier tokens, from an earlier call; extended in place.
                None at the beginning.

        Returns:
            ``[batch, length, hidden]`` in the model's dtype, and the cache for the next call.
        """
        states: dict[str, Any] = {self._cache_name: cache}
        output = self._backbone(input_ids=token_ids, use_cache=True, **states)
        return output.last_hidden_state, output[self._cache_name]

    def compute_logits(self, hidden: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Apply the language-modelling head: transform, decoder, bias and soft cap.

        Args:
            hidden: ``[rows, hidden]`` last hidden states.
            out: ``[rows, vocabulary]`` buffer of the model's dtype to write to, without a graph of
                gradients. Reusing one saves the allocation for every block of rows.

        Returns:
            ``[rows, vocabulary]`` logits in the model's dtype.
        """
        import torch

        for step in self._head:
            hidden = step(hidden)
        weight, bias = self._decoder.weight, self._decoder.bias
        if out is None and hidden.device.type == "cpu" and not torch.is_grad_enabled():
            out = hidden.new_empty((len(hidden), len(weight)))
        if out is None:
            logits: torch.Tensor = self._decoder(hidden)
            if self._logit_cap is not None:
                logits = (logits / self._logit_cap).tanh() * self._logit_cap
            return logits
        if hidden.device.type != "cpu":
            _multiply(hidden, weight, bias, out)
        else:
            # Rows of a whole vocabulary are so long that a product on a CPU misses the TLB and
            # loses a third of its speed. Narrow products, copied to their place, do not.
            scratch = hidden.new_empty(len(hidden) * _COLUMNS_AT_ONCE)
            for start in range(0, len(weight), _COLUMNS_AT_ONCE):
                columns = slice(start, min(start + _COLUMNS_AT_ONCE, len(weight)))
                narrow = scratch[: len(hidden) * (columns.stop - start)].view(len(hidden), -1)
                part = None if bias is None else bias[columns]
                _multiply(hidden, weight[columns], part, narrow)
                out[:, columns] = narrow
        if self._logit_cap is not None:
            torch.tanh(out.div_(self._logit_cap), out=out).mul_(self._logit_cap)
        return out


def _multiply(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, out: torch.Tensor
) -> None:
    import torch

    if bias is None:
        torch.mm(hidden, weight.t(), out=out)
    else:
        torch.addmm(bias, hidden, weight.t(), out=out)


def _step(model: nn.Module, step: str) -> Callable[[torch.Tensor], torch.Tensor]:
    if step.endswith("()"):
        from transformers.activations import ACT2FN

        function: Callable[[torch.Tensor], torch.Tensor] = ACT2FN[step.removesuffix("()")]
        return function
    module: Callable[[torch.Tensor], torch.Tensor] = model.get_submodule(step)
    return module
