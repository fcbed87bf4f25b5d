"""Capture: what neurons hold where the object is predicted, in one forward pass (docs/method.md#probeless).

What belongs here: hooks on a model's layers, and the mean over a query's scored positions. What
does not: what is made of the activations (``models_gpu.methods.probeless``), choosing facts, or
editing neurons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, local
from typing import Any, Literal

import numpy as np
import torch

from models_gpu.engine.batching import core_pool, plan_batches, run_with_oom_retry
from models_gpu.errors import ModelError
from models_gpu.loading.families import ModelView
from models_gpu.loading.load import LoadedModel
from models_gpu.prompting.queries import Queries

__all__ = ["NeuronKind", "activation_hooks", "neurons_per_layer", "record_activations"]

NeuronKind = Literal["ffn", "layer_output"]
"""'ffn': input of a layer's down projection; 'layer_output': the residual stream after it."""

Progress = Callable[[int, int], None]

_BATCH_TOKENS = {"cpu": 2_048, "cuda": 32_768, "mps": 8_192}


@contextmanager
def activation_hooks(
    view: ModelView, neuron: NeuronKind, record: Callable[[int, torch.Tensor], None]
) -> Iterator[None]:
    """Call ``record(layer_index, states)`` from every layer during the forward passes inside.

    ``states`` is ``[batch, length, units]`` in the model's dtype and must not be written to. The
    hooks are gone afterwards, also after an exception.
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
    """Units per layer of a kind of neuron."""
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
    """Mean activation at the scored positions of each query, all layers from one forward pass.

    Queries of one length go together, unpadded, in an order that follows from the queries alone:
    with the same ``token_budget`` the same activations come out, bit by bit, on the same machine.
    Another budget, and a batch halved for lack of memory, moves them by rounding.

    Args:
        model: from ``models_gpu.loading.load``; the head over the vocabulary is not run.
        queries: from ``build_queries``.
        neuron: what is captured.
        out: ``[layers, queries, units]`` float32 tensor to write to, on any device.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with queries done and queries in all.

    Returns:
        ``[layers, queries, units]`` float32, signed: ``out``, or a new tensor on the device.

    Raises:
        ModelError: a query that does not fit the device alone.
    """
    if out is None:
        shape = (len(model.view.layers), queries.count, neurons_per_layer(model.view, neuron))
        out = torch.empty(shape, dtype=torch.float32, device=model.device)
    recorder = _Recorder(queries, out)
    done, lock = 0, Lock()

    @torch.inference_mode()
    def run(start: int, stop: int) -> None:
        nonlocal done
        model.view.encode(recorder.aim(start, stop, model.device), None)
        with lock:
            done += stop - start
            if progress is not None:
                progress(done, queries.count)

    budget = token_budget or _BATCH_TOKENS.get(model.device.type, _BATCH_TOKENS["cpu"])
    with activation_hooks(model.view, neuron, recorder.record), core_pool(model.device) as pool:
        batches = plan_batches(queries.lengths, budget, 0.0)
        run_with_oom_retry(batches, queries.lengths, run, model.release_memory, "query", pool)
    return out


class _Recorder:
    """Where the batch under way in each thread goes, and which of its positions count."""

    def __init__(self, queries: Queries, out: torch.Tensor) -> None:
        self.queries, self.out = queries, out
        self.under_way = local()
        self.scored_counts = queries.scored_counts
        if queries.count and int(self.scored_counts.min()) < 1:
            raise ModelError("a query without a scored position has no place to read neurons at")

    def aim(self, start: int, stop: int, device: torch.device) -> torch.Tensor:
        """Token ids of queries ``start … stop - 1``, all of one length: this thread's next pass."""
        queries = self.queries
        begin, end = queries.token_offsets[[start, stop]]
        tokens = queries.token_ids[begin:end].astype(np.int64).reshape(stop - start, -1)
        batch, counts = self.under_way, self.scored_counts[start:stop]
        batch.start, batch.stop = start, stop
        # Every query's first, second, … scored position; queries with fewer leave the later ones.
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
        """Keep the mean over each query's scored positions, added in their order."""
        batch = self.under_way
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
