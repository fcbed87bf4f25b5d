"""Forward cache: resume a forward pass after replacing the neurons of one layer at one position.

What belongs here: what a clean forward pass leaves behind, and the layers that must run again after
a replacement. What does not: which values replace the neurons, and the use of the results
(``models_gpu.methods.integrated_gradients``).

Integrated gradients need thousands of passes per fact, and each pass differs from the clean one
only in the neurons of one layer at one position. The cache avoids the work that cannot change, and
approximates nothing (docs/method.md#integrated-gradients, cost):

- The layers below are not run. At every position a layer computes
  ``residual_norm(rest + branch_norm(down(neurons)))``, and ``rest`` does not depend on the neurons.
  So a row starts with the down projection of its layer, and continues with the layers above.
- In a masked model the layers above see the clean residual stream at all other positions.
- In a causal model no earlier position depends on the replaced one, and no later position is
needed.
  So a row is one token, with the clean keys and values of the tokens before it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from models_gpu.engine.activations import activation_hooks
from models_gpu.engine.devices import device_plan
from models_gpu.engine.patched_forward import EditedForward
from models_gpu.loading.families import ModelView
from models_gpu.loading.load import LoadedModel

__all__ = ["ForwardCache", "neurons_at", "target_gradients", "target_probabilities"]


@dataclass
class _Recorded:
    """What one clean forward pass leaves behind; lists with one entry per layer."""

    neurons: list[torch.Tensor]
    """``[items, units]`` neurons at the items."""
    sums: list[torch.Tensor]
    """``[items, hidden]`` residual stream at the items after the FFN's output was added."""
    streams: list[torch.Tensor]
    """``[sequences, length, hidden]`` output of the layer."""


class ForwardCache:
    """A clean forward pass over some token sequences, from which edited passes are resumed.

    An *item* is a position of a sequence at which a token is predicted. For each item the cache
    holds the neurons of all layers and the ``rest`` to which their down projection is added. In
    families with ``branch_norm_epsilon`` it also holds ``mean_squares``, by which the norm behind
    the down projection divides. For
    the layers above it holds what they need of the sequence: the residual stream in a masked model,
    keys and values in a causal one. Several threads can resume passes at once.
    """

    def __init__(
        self,
        model: LoadedModel,
        runner: EditedForward,
        token_ids: torch.Tensor,
        is_token: torch.Tensor | None,
        sequences: torch.Tensor,
        positions: torch.Tensor,
        *,
        holds_norms: bool = False,
    ) -> None:
        """Run the sequences once.

        Args:
            model: from ``models_gpu.loading.load``.
            runner: from ``editable`` of the model's view.
            token_ids: ``[sequences, length]`` int64 on the model's device. In a causal model each
                sequence ends with the position of its item.
            is_token: ``[sequences, length]`` bool, false at padding; None without padding.
            sequences: ``[items]`` the sequence of each item.
            positions: ``[items]`` its position there.
            holds_norms: whether the norms behind down projections divide by what they divided by
                in the clean pass. Only for families with ``branch_norm_epsilon``.
        """
        self.model, self.runner, self.is_token = model, runner, is_token
        self.sequences, self.positions = sequences, positions
        self._token_ids = token_ids
        self._past: Any = None
        self._past_layers: list[Any] = []
        is_causal = model.family.is_causal
        # A causal model's last pass sees the last token of each sequence alone.
        read_at = torch.zeros_like(positions) if is_causal else positions
        # Not inference_mode: it forbids gradients through the recorded tensors.
        with torch.no_grad():
            with _record_layers(model.view, sequences, read_at) as recorded:
                hidden = (
                    self._encode_last(token_ids)
                    if is_causal
                    else model.view.encode(token_ids, is_token)
                )
            self.hidden = hidden[sequences, read_at]
            self.neurons = torch.stack(recorded.neurons)
            self._scales: list[torch.Tensor] | None = None
            if model.view.branch_epsilon is not None:
                self.mean_squares = self._branch_mean_squares()
                if holds_norms:
                    self._scales = self._branch_scales(model.view.branch_epsilon)
            everything = torch.arange(len(positions), device=positions.device)
            self._rest = [
                total - self._branch(layer, everything, self.neurons[layer])
                for layer, total in enumerate(recorded.sums)
            ]
        self._streams = recorded.streams

    def _encode_last(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Compute last hidden states of a causal model's last tokens, ``[sequences, 1, hidden]``.

        The keys and values of the tokens before them are stored.
        """
        view = self.model.view
        if token_ids.shape[1] > 1:
            _, self._past = view.encode_with_cache(token_ids[:, :-1])
            # The next call puts longer tensors into the cache's layers; copies keep these ones.
            self._past_layers = [copy.copy(layer) for layer in self._past.layers]
        hidden, _ = view.encode_with_cache(token_ids[:, -1:], self._past)
        return hidden

    def resume(self, layer: int, items: torch.Tensor, neurons: torch.Tensor) -> torch.Tensor:
        """Resume the forward pass at one layer after replacing its neurons at the items.

        Gradients flow to ``neurons`` and no further down.

        Args:
            layer: the layer whose neurons are replaced.
            items: ``[rows]`` the item of each row.
            neurons: ``[rows, units]`` in the model's dtype.

        Returns:
            ``[rows, hidden]`` last hidden states at the items, in the model's dtype.
        """
        norm = self.model.view.residual_norms[layer]
        states: torch.Tensor = self._rest[layer][items] + self._branch(layer, items, neurons)
        if norm is not None:
            states = norm(states)
        if self.model.family.is_causal:
            return self._after_past(layer, items, states)
        return self._through_stream(layer, items, states)

    def _after_past(self, layer: int, items: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Run the layers above for one token per row, after the clean keys and values."""
        view = self.model.view
        sequences = self.sequences[items]
        past = None
        if self._past is not None:
            past = copy.copy(self._past)
            past.layers = [copy.copy(cached) for cached in self._past_layers]
            for index, cached in enumerate(past.layers):
                # Skipped layers only give the number of cached tokens, so one row is enough.
                rows = sequences if index > layer else torch.zeros_like(sequences[:1])
                cached.keys = cached.keys[rows].expand(len(items), -1, -1, -1)
                cached.values = cached.values[rows].expand(len(items), -1, -1, -1)
        with self.runner.resuming(layer, states[:, None]):
            hidden, _ = view.encode_with_cache(self._token_ids[sequences, -1:], past)
        return hidden[:, 0]

    def _through_stream(
        self, layer: int, items: torch.Tensor, states: torch.Tensor
    ) -> torch.Tensor:
        """Run the layers above for whole sequences, in whose clean streams one position differs."""
        view = self.model.view
        sequences, rows = self.sequences[items], torch.arange(len(items), device=items.device)
        if layer == len(view.layers) - 1:
            # No attention follows, so that a row needs its own position alone.
            with self.runner.resuming(layer, states[:, None]):
                return view.encode(self._token_ids[sequences, :1], None)[:, 0]
        stream = self._streams[layer][sequences]
        positions = self.positions[items]
        stream = stream.index_put((rows, positions), states)
        is_token = None if self.is_token is None else self.is_token[sequences]
        with self.runner.resuming(layer, stream):
            hidden = view.encode(self._token_ids[sequences], is_token)
        return hidden[rows, positions]

    def _branch(self, layer: int, items: torch.Tensor, neurons: torch.Tensor) -> torch.Tensor:
        """Compute what the neurons of some items add to the residual stream: ``[rows, hidden]``."""
        view = self.model.view
        norm = view.branch_norms[layer]
        added: torch.Tensor = view.down_projections[layer](neurons)
        if self._scales is not None:
            return added * self._scales[layer][items]
        return added if norm is None else norm(added)

    def _branch_mean_squares(self) -> torch.Tensor:
        """Compute the mean square of the clean outputs of down projections: ``[layers, items]``."""
        wide = torch.promote_types(self.model.dtype, torch.float32)
        found = [
            down(neurons).to(wide).square().mean(-1)
            for down, neurons in zip(self.model.view.down_projections, self.neurons, strict=True)
        ]
        return torch.stack(found)

    def _branch_scales(self, epsilon: float) -> list[torch.Tensor]:
        """Compute the factors that the clean norms are: per layer ``[items, hidden]``."""
        scales = []
        for norm, squares in zip(self.model.view.branch_norms, self.mean_squares, strict=True):
            assert norm is not None
            ones = squares.new_ones(self.model.view.hidden_size).to(self.model.dtype)
            weights = norm(ones).to(squares.dtype) * (1 + epsilon) ** 0.5
            scales.append((weights / (squares + epsilon).sqrt()[:, None]).to(self.model.dtype))
        return scales


def neurons_at(
    model: LoadedModel,
    token_ids: torch.Tensor,
    is_token: torch.Tensor | None,
    positions: torch.Tensor,
) -> torch.Tensor:
    """Record the neurons of all layers at one position of each sequence, in one forward pass.

    Args:
        model: from ``models_gpu.loading.load``.
        token_ids: ``[sequences, length]`` int64 on the model's device.
        is_token: ``[sequences, length]`` bool, false at padding; None without padding.
        positions: ``[sequences]``.

    Returns:
        ``[layers, sequences, units]`` in the model's dtype.
    """
    found: list[torch.Tensor] = []
    rows = torch.arange(len(token_ids), device=token_ids.device)
    with (
        torch.no_grad(),
        activation_hooks(
            model.view, "ffn", lambda _, states: found.append(states[rows, positions])
        ),
    ):
        model.view.encode(token_ids, is_token)
    return torch.stack(found)


@torch.no_grad()
def target_probabilities(
    model: LoadedModel, hidden: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Compute P(target) of each row, over the whole vocabulary.

    Args:
        model: the model with the head.
        hidden: ``[rows, hidden]`` last hidden states.
        targets: ``[rows]`` token ids.

    Returns:
        ``[rows]`` in float32 (float64 for a float64 model).
    """
    blocks = _blocks(model, hidden)
    found = [_probabilities(model, hidden[block], targets[block]) for block in blocks]
    return torch.cat(found)


def target_gradients(
    model: LoadedModel, hidden: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Compute the gradient of P(target) with respect to each row's last hidden state.

    Args:
        model: the model with the head.
        hidden: ``[rows, hidden]`` last hidden states; their graph is not used.
        targets: ``[rows]`` token ids.

    Returns:
        ``[rows, hidden]`` in the dtype of ``hidden``.
    """
    found = torch.empty_like(hidden)
    for block in _blocks(model, hidden):
        with torch.enable_grad():
            inputs = hidden[block].detach().requires_grad_()
            total = _probabilities(model, inputs, targets[block]).sum()
        (found[block],) = torch.autograd.grad(total, inputs)
    return found


def _blocks(model: LoadedModel, hidden: torch.Tensor) -> list[slice]:
    """Cut rows into blocks that go through the head together, to bound the memory of logits."""
    block_bytes = device_plan(hidden.device).logit_bytes
    step = max(1, block_bytes // (4 * model.view.vocabulary_size))
    return [slice(start, start + step) for start in range(0, len(hidden), step)]


def _probabilities(model: LoadedModel, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    logits = model.view.compute_logits(hidden).to(torch.promote_types(model.dtype, torch.float32))
    return (logits.gather(1, targets[:, None])[:, 0] - logits.logsumexp(-1)).exp()


@contextmanager
def _record_layers(
    view: ModelView, sequences: torch.Tensor, positions: torch.Tensor
) -> Iterator[_Recorded]:
    """Record the forward pass inside; with several passes, the last one."""
    empty = [torch.empty(0)] * len(view.layers)
    recorded = _Recorded(empty.copy(), empty.copy(), empty.copy())

    def record_neurons(layer: int, states: torch.Tensor) -> None:
        recorded.neurons[layer] = states[sequences, positions]

    def record_sum(layer: int, states: torch.Tensor) -> None:
        recorded.sums[layer] = states[sequences, positions]

    def record_stream(layer: int, states: torch.Tensor) -> None:
        recorded.streams[layer] = states
        # Without a norm after the sum, the layer's output is the sum.
        if view.residual_norms[layer] is None:
            record_sum(layer, states)

    def before_norm(layer: int) -> Callable[[torch.nn.Module, tuple[torch.Tensor, ...]], None]:
        return lambda _, inputs: record_sum(layer, inputs[0])

    with ExitStack() as hooks:
        hooks.enter_context(activation_hooks(view, "ffn", record_neurons))
        hooks.enter_context(activation_hooks(view, "layer_output", record_stream))
        for layer, norm in enumerate(view.residual_norms):
            if norm is not None:
                hooks.callback(norm.register_forward_pre_hook(before_norm(layer)).remove)
        yield recorded
