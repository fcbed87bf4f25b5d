"""Patched forward passes: replace activations, and share the layers below the first replacement.

What belongs here: skipping layers whose output is known, replacing inputs of down projections, and
reading the output of every layer, in several threads at once. What does not: which neurons or
states are replaced, batching, log-probabilities (``models_gpu.engine.edits``,
``models_gpu.engine.patching``, ``models_gpu.engine.layer_scores``,
``models_gpu.engine.forward_cache``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import local
from types import MappingProxyType
from typing import Any

import torch

from models_gpu.loading.families import ModelView

__all__ = ["Cells", "EditedForward", "editable"]


@dataclass(frozen=True)
class Cells:
    """Activations of one layer that are replaced by factor · activation + value.

    All tensors are ``[cells]``.
    """

    row: torch.Tensor
    position: torch.Tensor
    unit: torch.Tensor
    factor: torch.Tensor
    value: torch.Tensor

    def apply(self, states: torch.Tensor) -> torch.Tensor:
        """Copy ``[rows, length, units]`` activations with these ones replaced."""
        places = (self.row, self.position, self.unit)
        return states.index_put(places, states[places] * self.factor + self.value)


class _Pass(local):
    """What the forward pass of a thread skips and replaces; a plain pass by default."""

    first: int = 0
    """The first layer that is run."""
    stream: torch.Tensor | None = None
    """What the layers below it return."""
    keep: int | None = None
    """The layer whose output becomes ``stream``."""
    streams: list[torch.Tensor] | None = None
    """Outputs of all layers, if they are wanted."""
    cells: Mapping[int, Cells] = MappingProxyType({})
    """What is replaced, per layer."""


class EditedForward:
    """Runs forward passes that share their lower layers and are edited above them.

    The state of a pass is thread-local, so that batches can run in parallel on one model.
    """

    def __init__(self, view: ModelView) -> None:
        self._adapter = view
        self._own = _Pass()
        self._gives_tuple: bool | None = None
        """Whether the layers return their output in a tuple; None before the first pass."""

    def layer_states(self, token_ids: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Run the unedited model once and keep what every layer returns.

        Args:
            token_ids: ``[queries, length]`` int64, without padding.

        Returns:
            ``[queries, length, hidden]`` last hidden states, and the same for each layer: the
            residual stream after it, before a final norm of the model.
        """
        own = self._own
        try:
            streams: list[torch.Tensor] = []
            own.streams = streams
            return self._adapter.encode(token_ids, None), streams
        finally:
            own.__dict__.clear()

    def resume(self, token_ids: torch.Tensor, layer: int, states: torch.Tensor) -> torch.Tensor:
        """Run the layers above ``layer`` as if it had returned ``states``.

        Args:
            token_ids: ``[rows, length]`` int64, without padding.
            layer: the layer, from 0.
            states: ``[rows, length, hidden]`` in the model's dtype.

        Returns:
            ``[rows, length, hidden]`` last hidden states.
        """
        if self._gives_tuple is None:
            self.layer_states(token_ids[:1, :1])
        with self.resuming(layer, states):
            return self._adapter.encode(token_ids, None)

    @contextmanager
    def resuming(self, layer: int, states: torch.Tensor) -> Iterator[None]:
        """Let the forward passes of this thread start with ``states`` as the output of ``layer``.

        The layers up to ``layer`` are not run. The backbone still computes what it prepares for all
        layers (masks, rotary angles, ALiBi biases) and its final norm. So no family needs code of
        its own here. A plain pass must have been run before.
        """
        own = self._own
        try:
            own.first, own.stream = layer + 1, states
            yield
        finally:
            own.__dict__.clear()

    def final_states(self, states: torch.Tensor) -> torch.Tensor:
        """Turn what a layer returns into last hidden states, by the model's final norm if any.

        Args:
            states: ``[rows, hidden]`` in the model's dtype, of any layer.

        Returns:
            ``[rows, hidden]``; the head gives logits of them.
        """
        config: Any = self._adapter.model.config
        # Any token will do, because no layer reads it; transformers warns about padding.
        token = 1 if getattr(config, "pad_token_id", None) == 0 else 0
        tokens = torch.full((len(states), 1), token, device=states.device)
        last = len(self._adapter.layers) - 1
        return self.resume(tokens, last, states[:, None])[:, 0]

    def run(
        self,
        token_ids: torch.Tensor,
        query_of_row: torch.Tensor,
        first: int,
        cells: dict[int, Cells],
    ) -> torch.Tensor:
        """Compute last hidden states of edited rows.

        Args:
            token_ids: ``[queries, length]`` int64, without padding.
            query_of_row: ``[rows]`` the query of each row.
            first: the first edited layer; the layers below it are run once per query.
            cells: per layer, from ``first`` on, what is replaced in the rows.

        Returns:
            ``[rows, length, hidden]`` in the model's dtype.
        """
        own = self._own
        try:
            if first == 0:
                own.cells = cells
                return self._adapter.encode(token_ids[query_of_row], None)
            own.keep = first - 1
            hidden = self._adapter.encode(token_ids, None)
            if not cells:
                return hidden[query_of_row]
            assert own.stream is not None
            own.first, own.keep, own.cells = first, None, cells
            own.stream = own.stream[query_of_row]
            return self._adapter.encode(token_ids[query_of_row], None)
        finally:
            own.__dict__.clear()

    def forward(self, layer: int, original: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap the forward of a layer: below the first edited layer it returns the known output."""

        def forward(states: torch.Tensor, *arguments: Any, **options: Any) -> Any:
            own = self._own
            if layer < own.first:
                return (own.stream, None) if self._gives_tuple else own.stream
            output = original(states, *arguments, **options)
            self._gives_tuple = isinstance(output, tuple)
            stream = output[0] if self._gives_tuple else output
            if layer == own.keep:
                own.stream = stream
            if own.streams is not None:
                own.streams.append(stream)
            return output

        return forward

    def before(self, layer: int) -> Callable[[Any, tuple[torch.Tensor, ...]], Any]:
        """Make a hook that replaces the inputs of a layer's down projection."""

        def hook(_: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
            cells = self._own.cells.get(layer)
            return None if cells is None else (cells.apply(inputs[0]), *inputs[1:])

        return hook


@contextmanager
def editable(view: ModelView) -> Iterator[EditedForward]:
    """A runner for the view's model; the model is unchanged afterwards."""
    runner = EditedForward(view)
    handles = []
    try:
        for index, (layer, down) in enumerate(zip(view.layers, view.down_projections, strict=True)):
            module: Any = layer
            module.forward = runner.forward(index, module.forward)
            handles.append(down.register_forward_pre_hook(runner.before(index)))
        yield runner
    finally:
        for handle in handles:
            handle.remove()
        for layer in view.layers:
            layer.__dict__.pop("forward", None)
