"""Activations: the values of neurons where the object is predicted, from one forward pass.

What belongs here: hooks on the layers of a model, and the mean over the scored positions of a
query. What does not: the use of the activations (``models_gpu.methods.probeless``), choosing facts,
editing neurons. Definitions: docs/method.md#probeless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

import numpy as np
import torch

from models_gpu.engine.batching import core_pool, plan_batches, run_with_oom_retry
from models_gpu.engine.devices import device_plan
from models_gpu.errors import ModelError
from models_gpu.loading.families import ModelView
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import Progress, ProgressReporter, forward_work
from models_gpu.prompting.queries import Queries
from models_gpu.settings import NeuronKind

__all__ = ["NeuronKind", "activation_hooks", "neurons_per_layer", "record_activations"]


@contextmanager
def activation_hooks(
    view: ModelView, neuron: NeuronKind, record: Callable[[int, torch.Tensor], None]
) -> Iterator[None]:
    """Call ``record(layer_index, states)`` from every layer during the forward passes inside.

    ``states`` is ``[batch, length, units]`` in the model's dtype and must not be written to. The
    hooks are always removed at the end, also after an exception.
    """
    handles = []
    try:
        for index, (layer, down) in enumerate(zip(view.layers, view.down_projections, strict=True)):
            if neuron == "ffn":
                hook = _before(record, index)
                handles.append(down.register_forward_pre_hook(hook))
            else:
                handles.append(layer.register_forward_hook(_after(record, index)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def neurons_per_layer(view: ModelView, neuron: NeuronKind) -> int:
    """Number of units per layer for a kind of neuron."""
    return view.neuron_count if neuron == "ffn" else view.hidden_size


def record_activations(
    model: LoadedModel,
    queries: Queries,
    *,
    neuron: NeuronKind = "ffn",
    out: torch.Tensor | None = None,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> torch.Tensor:
    """Compute the mean activation at the scored positions of each query, in all layers.

    Queries of one length share a batch without padding, in an order that follows from the queries
    alone. The same ``token_budget`` on the same machine gives the same activations, bit by bit.
    Another budget, or a batch that is halved for lack of memory, changes them by rounding.

    Args:
        model: from ``models_gpu.loading.load``; its head is not run.
        queries: from ``build_queries``.
        neuron: the kind of neuron.
        out: ``[layers, queries, units]`` float32 tensor to write to, on any device.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with work done and work in all.

    Returns:
        ``[layers, queries, units]`` float32, signed: ``out``, or a new tensor on the device.

    Raises:
        ModelError: a query that does not fit on the device alone.
    """
    if out is None:
        shape = (len(model.view.layers), queries.count, neurons_per_layer(model.view, neuron))
        out = torch.empty(shape, dtype=torch.float32, device=model.device)
    recorder = _Recorder(queries, out)
    work = forward_work(model, queries.lengths, np.zeros_like(queries.lengths))
    reporter = ProgressReporter(model.device, progress, float(work.sum()))

    @torch.inference_mode()
    def run(start: int, stop: int) -> None:
        model.view.encode(recorder.prepare(start, stop, model.device), None)
        reporter.advance(float(work[start:stop].sum()))

    budget = token_budget or device_plan(model.device).token_budget
    with activation_hooks(model.view, neuron, recorder.record), core_pool(model.device) as pool:
        batches = plan_batches(queries.lengths, budget, 0.0)
        run_with_oom_retry(batches, queries.lengths, run, model.release_memory, "query", pool)
    reporter.finish()
    return out


class _Recorder:
    """Writes means over scored positions; knows the current batch of each thread."""

    def __init__(self, queries: Queries, out: torch.Tensor) -> None:
        self.queries, self.out = queries, out
        self.current = local()
        self.scored_counts = queries.scored_counts
        if queries.count and int(self.scored_counts.min()) < 1:
            raise ModelError("a query has no scored position, so its neurons cannot be read")

    def prepare(self, start: int, stop: int, device: torch.device) -> torch.Tensor:
        """Get the token ids of queries ``start … stop - 1``, all of one length, for one pass."""
        queries = self.queries
        begin, end = queries.token_offsets[[start, stop]]
        tokens = queries.token_ids[begin:end].astype(np.int64).reshape(stop - start, -1)
        batch, counts = self.current, self.scored_counts[start:stop]
        batch.start, batch.stop = start, stop
        # The n-th scored position of every query that has as many, for n = 1, 2, …
        batch.places = []
        for ordinal in range(int(counts.max())):
            rows = np.flatnonzero(counts > ordinal)
            places = queries.scored_positions[queries.scored_offsets[start + rows] + ordinal]
            batch.places.append(
                (torch.from_numpy(rows).to(device), torch.from_numpy(places).long().to(device))
            )
        batch.counts = torch.from_numpy(counts.astype(np.float32)).to(device)[:, None]
        return torch.from_numpy(tokens).to(device)

    def record(self, layer_index: int, states: torch.Tensor) -> None:
        """Write the mean over each query's scored positions, added in their order."""
        batch = self.current
        shape = (batch.stop - batch.start, states.shape[-1])
        total = torch.zeros(shape, dtype=torch.float32, device=states.device)
        for rows, places in batch.places:
            total[rows] += states[rows, places].float()
        self.out[layer_index, batch.start : batch.stop] = (total / batch.counts).to(self.out.device)


def _before(
    record: Callable[[int, torch.Tensor], None], index: int
) -> Callable[[torch.nn.Module, tuple[torch.Tensor, ...]], None]:
    def hook(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        record(index, inputs[0])

    return hook


def _after(
    record: Callable[[int, torch.Tensor], None], index: int
) -> Callable[[torch.nn.Module, Any, Any], None]:
    def hook(_: torch.nn.Module, __: Any, output: Any) -> None:
        record(index, output[0] if isinstance(output, tuple) else output)

    return hook
