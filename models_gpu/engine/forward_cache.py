"""Partial forward passes: from what a layer's neurons hold at one position to the answer there.

What belongs here: what a clean forward pass leaves behind, and everything that follows when the
neurons of one layer are set to other values at one position, without running again what these
values cannot change. What does not: which values are tried and what is made of the answers
(``models_gpu.methods.integrated_gradients``).

Nothing here is an approximation (docs/method.md#integrated-gradients, cost tricks). A layer is, at
every position, ``residual_norm(rest + branch_norm(down(neurons)))``; ``rest`` does not depend on
the neurons, so that a row begins with the down projection of its layer and goes on with the layers
above it. In a masked model these see the clean states of all other positions. In a causal model
nothing before a position depends on it and nothing after it is asked for: a row is one token, with
the clean keys and values of those before it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from models_gpu.engine.activations import activation_hooks
from models_gpu.loading.families import ModelView
from models_gpu.loading.load import LoadedModel

__all__ = ["ForwardCache", "neurons_at", "target_gradients", "target_probabilities"]

_LOGIT_BYTES = {"cpu": 1 << 27, "cuda": 1 << 30, "mps": 1 << 28}
"""Bytes of one block of logits; its gradient needs about three times that."""


class ForwardCache:
    """A clean forward pass over some token sequences, from which rows are started.

    An *item* is a position of a sequence at which a token is predicted. Kept for each: the neurons
    of all layers, what joins their down projection, and for the layers above what they need of the
    sequence: its residual stream in a masked model, keys and values in a causal one.
    """

    def __init__(
        self,
        model: LoadedModel,
        token_ids: torch.Tensor,
        is_token: torch.Tensor | None,
        sequences: torch.Tensor,
        positions: torch.Tensor,
    ) -> None:
        """Run the sequences once.

        Args:
            model: from ``models_gpu.loading.load``.
            token_ids: ``[sequences, length]`` int64 on the model's device; of a causal model each
                sequence ends with its item's position.
            is_token: ``[sequences, length]`` bool, false at padding; None without padding.
            sequences: ``[items]`` the sequence of each item.
            positions: ``[items]`` its position there.
        """
        self.model, self.is_token = model, is_token
        self.sequences, self.positions = sequences, positions
        view = model.view
        layers = len(view.layers)
        neurons: list[torch.Tensor] = [torch.empty(0)] * layers
        sums: list[torch.Tensor] = [torch.empty(0)] * layers
        streams: list[torch.Tensor] = [torch.empty(0)] * layers

        def keep_neurons(layer: int, states: torch.Tensor) -> None:
            neurons[layer] = states[sequences, positions]

        def keep_stream(layer: int, states: torch.Tensor) -> None:
            streams[layer] = states
            if view.residual_norms[layer] is None:
                sums[layer] = states[sequences, positions]

        def keep_sum(layer: int, states: torch.Tensor) -> None:
            sums[layer] = states[sequences, positions]

        def keep_form(_: torch.nn.Module, __: Any, output: Any) -> None:
            self._in_tuple = isinstance(output, tuple)

        form = view.layers[0].register_forward_hook(keep_form)
        encode = partial(view.encode, token_ids, is_token)
        if model.family.is_causal:
            encode = partial(self._encode_last, token_ids)
            positions = torch.zeros_like(positions)
        # inference_mode would forbid gradients through what is kept.
        with torch.no_grad():
            try:
                with (
                    activation_hooks(view, "ffn", keep_neurons),
                    activation_hooks(view, "layer_output", keep_stream),
                    _reading(view.residual_norms, keep_sum),
                ):
                    hidden = encode()
            finally:
                form.remove()
            self.hidden = hidden[sequences, positions]
            self.neurons = torch.stack(neurons)
            self._rest = [
                joined - self._branch(layer, self.neurons[layer])
                for layer, joined in enumerate(sums)
            ]
        self._streams = streams
        self._token_ids = token_ids

    def _encode_last(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Last hidden states of the last tokens, ``[sequences, 1, hidden]``, of a causal model.

        What the layers keep of the tokens before them is remembered on the way.
        """
        view = self.model.view
        self._past: Any = None
        self._past_layers: list[Any] = []
        if token_ids.shape[1] > 1:
            _, self._past = view.encode_with_cache(token_ids[:, :-1])
            # The next call gives the layers longer tensors; these copies keep the ones of now.
            self._past_layers = [copy.copy(layer) for layer in self._past.layers]
        hidden, _ = view.encode_with_cache(token_ids[:, -1:], self._past)
        return hidden

    def resume(self, layer: int, items: torch.Tensor, neurons: torch.Tensor) -> torch.Tensor:
        """Last hidden states at the items' positions with other neurons in one layer there.

        Gradients flow to ``neurons``, and no further down.

        Args:
            layer: the layer whose neurons are set.
            items: ``[rows]`` the item of each row.
            neurons: ``[rows, units]`` in the model's dtype.

        Returns:
            ``[rows, hidden]`` in the model's dtype.
        """
        norm = self.model.view.residual_norms[layer]
        states: torch.Tensor = self._rest[layer][items] + self._branch(layer, neurons)
        if norm is not None:
            states = norm(states)
        if self.model.family.is_causal:
            return self._after_past(layer, items, states)
        return self._through_stream(layer, items, states)

    def _after_past(self, layer: int, items: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        view = self.model.view
        sequences = self.sequences[items]
        past = None
        if self._past is not None:
            past = copy.copy(self._past)
            past.layers = [copy.copy(kept) for kept in self._past_layers]
            for index, kept in enumerate(past.layers):
                # Layers that are skipped are asked for nothing but how many tokens they have seen.
                rows = sequences if index > layer else torch.zeros_like(sequences[:1])
                kept.keys = kept.keys[rows].expand(len(items), -1, -1, -1)
                kept.values = kept.values[rows].expand(len(items), -1, -1, -1)
        with _resuming(view, layer, states[:, None], self._in_tuple):
            hidden, _ = view.encode_with_cache(self._token_ids[sequences, -1:], past)
        return hidden[:, 0]

    def _through_stream(
        self, layer: int, items: torch.Tensor, states: torch.Tensor
    ) -> torch.Tensor:
        view = self.model.view
        sequences, rows = self.sequences[items], torch.arange(len(items), device=items.device)
        if layer == len(view.layers) - 1:
            # No layer follows in which positions could meet: the row is its position alone.
            with _resuming(view, layer, states[:, None], self._in_tuple):
                return view.encode(self._token_ids[sequences, :1], None)[:, 0]
        stream = self._streams[layer][sequences]
        positions = self.positions[items]
        stream = stream.index_put((rows, positions), states)
        is_token = None if self.is_token is None else self.is_token[sequences]
        with _resuming(view, layer, stream, self._in_tuple):
            hidden = view.encode(self._token_ids[sequences], is_token)
        return hidden[rows, positions]

    def _branch(self, layer: int, neurons: torch.Tensor) -> torch.Tensor:
        """What the neurons add to the residual stream: ``[rows, hidden]``."""
        view = self.model.view
        norm = view.branch_norms[layer]
        added: torch.Tensor = view.down_projections[layer](neurons)
        return added if norm is None else norm(added)


def neurons_at(
    model: LoadedModel,
    token_ids: torch.Tensor,
    is_token: torch.Tensor | None,
    positions: torch.Tensor,
) -> torch.Tensor:
    """Neurons of all layers at one position of each sequence, from one forward pass.

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
    """P(target) of each row, over the whole vocabulary.

    Args:
        model: gives the head.
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
    """Gradient of P(target) with respect to each row's last hidden state.

    Args:
        model: gives the head.
        hidden: ``[rows, hidden]`` last hidden states; no graph is attached to them.
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
    """Rows that go through the head together, so that the memory of logits is bounded."""
    held = _LOGIT_BYTES.get(hidden.device.type, _LOGIT_BYTES["cpu"])
    step = max(1, held // (4 * model.view.vocabulary_size))
    return [slice(start, start + step) for start in range(0, len(hidden), step)]


def _probabilities(model: LoadedModel, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    logits = model.view.compute_logits(hidden).to(torch.promote_types(model.dtype, torch.float32))
    return (logits.gather(1, targets[:, None])[:, 0] - logits.logsumexp(-1)).exp()


@contextmanager
def _reading(
    modules: list[torch.nn.Module | None], record: Callable[[int, torch.Tensor], None]
) -> Iterator[None]:
    """Call ``record(layer_index, inputs)`` whenever one of the modules runs."""

    def hook(index: int) -> Callable[[torch.nn.Module, tuple[torch.Tensor, ...]], None]:
        return lambda _, inputs: record(index, inputs[0])

    handles = [
        module.register_forward_pre_hook(hook(index))
        for index, module in enumerate(modules)
        if module is not None
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _resuming(view: ModelView, layer: int, states: torch.Tensor, in_tuple: bool) -> Iterator[None]:
    """Forward passes inside begin with ``states`` as the output of ``layer``.

    The layers up to it are not run. What the backbone prepares for all layers alike (masks,
    rotations, slopes) and its final norm stay its own.
    """
    skipped: list[Any] = view.layers[: layer + 1]

    def forward(*_: Any, **__: Any) -> torch.Tensor | tuple[torch.Tensor]:
        return (states,) if in_tuple else states

    try:
        for module in skipped:
            module.forward = forward
        yield
    finally:
        for module in skipped:
            del module.forward
