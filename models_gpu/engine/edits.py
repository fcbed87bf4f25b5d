"""Edits: log-probabilities of objects when chosen neurons are suppressed, enhanced or set.

What belongs here: packing (query, edited neurons) rows into batches, and the log-probability of the
object in each row. What does not: which neurons and controls are edited
(``models_gpu.methods.interventions``, ``degenerate_pairs``, ``degenerate_sets``), the use of the
results (SQL). Definitions: docs/method.md#edits.

A neuron is an input of a layer's down projection. An edit replaces it by factor · activation +
value at every position at which a token of the object is predicted, and at no other position. Rows
of one query share its plain forward pass up to the layer below their first edited layer, because
edits cannot change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models_gpu.engine.batching import core_pool, plan_batches, run_with_oom_retry
from models_gpu.engine.devices import device_plan
from models_gpu.engine.patched_forward import Cells, EditedForward, editable
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import Progress, ProgressReporter, forward_work
from models_gpu.prompting.queries import Queries, require_gold_counts
from models_gpu.ragged import Longs, offsets_of, ranges

__all__ = ["EditResults", "Edits", "Neuron", "build_edits", "run_edits"]

Neuron = tuple[int, int]
"""Layer and unit, both counted from 0."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Edits:
    """Rows to be run: each a query, and the neurons that are edited; neurons are ragged."""

    row: Longs
    """``[edits]`` row of ``Queries`` (a fact and its query)."""
    neuron_offsets: Longs
    """``[edits + 1]`` where the neurons of an edit begin; without neurons the model is unedited."""
    layer: Longs
    """``[neurons]`` layers, from 0."""
    unit: Longs
    """``[neurons]`` units within their layer, from 0; a neuron may occur only once in an edit."""
    factor: Floats
    """``[neurons]`` factors on the activations: 0 suppresses, 2 doubles."""
    value: Floats
    """``[neurons]`` what is added to the product; with factor 0 the neuron is set to it."""

    @property
    def count(self) -> int:
        """Rows."""
        return len(self.row)


@dataclass(frozen=True)
class EditResults:
    """Scores of the object under every edit; arrays on the host."""

    log_prob: Floats
    """``[edits]`` natural log-probability of the object: the sum over its tokens."""
    is_top: npt.NDArray[np.bool_]
    """``[edits]`` whether every token of the object is the most probable one at its position."""


def build_edits(
    rows: Sequence[int],
    neurons: Sequence[Sequence[Neuron]],
    factors: Sequence[Sequence[float]],
    values: Sequence[Sequence[float]] | None = None,
) -> Edits:
    """Make edits from lists: a row, its neurons, and a factor and a value (0) for each neuron."""
    counts = np.array([len(own) for own in neurons], dtype=np.int64)
    flat = np.array([place for own in neurons for place in own], dtype=np.int64).reshape(-1, 2)
    factor = np.array([number for own in factors for number in own], dtype=np.float64)
    value = (
        np.zeros(len(flat))
        if values is None
        else np.array([number for own in values for number in own], dtype=np.float64)
    )
    return Edits(
        row=np.array(rows, dtype=np.int64),
        neuron_offsets=offsets_of(counts),
        layer=flat[:, 0],
        unit=flat[:, 1],
        factor=factor,
        value=value,
    )


def run_edits(
    model: LoadedModel,
    queries: Queries,
    edits: Edits,
    *,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> EditResults:
    """Compute the log-probability of the object under every edit.

    Rows of one length share a batch without padding, whatever their queries and neurons. The
    results equal those of one row at a time, up to rounding.

    Args:
        model: from ``models_gpu.loading.load``, masked or causal.
        queries: from ``build_queries`` with 'gold', as many masks as the object has tokens.
        edits: the rows.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with work done and work in all, from any thread.

    Raises:
        ModelError: neurons that the model does not have, a query with another number of scored
            positions than the object has tokens, a row that does not fit on the device alone,
            logits that are not numbers.
    """
    _check(model, edits)
    query = queries.row_query[edits.row].astype(np.int64)
    require_gold_counts(queries, edits.row)
    first = _first_layers(edits, len(model.view.layers))
    order = np.lexsort((query, first, -queries.lengths[query]))
    lengths = queries.lengths[query][order]
    log_prob, is_top = np.empty(edits.count), np.empty(edits.count, dtype=np.bool_)
    above = 1 - first[order] / len(model.view.layers)
    work = forward_work(model, lengths, queries.scored_counts[query][order], above)
    reporter = ProgressReporter(model.device, progress, float(work.sum()))

    with editable(model.view) as runner, core_pool(model.device) as pool:

        @torch.inference_mode()
        def run(start: int, stop: int) -> None:
            rows = order[start:stop]
            log_prob[rows], is_top[rows] = _Batch(model, queries, edits, rows).run(runner)
            reporter.advance(float(work[start:stop].sum()))

        budget = token_budget or device_plan(model.device).kept_token_budget
        batches = plan_batches(lengths, budget, 0.0)
        run_with_oom_retry(batches, lengths, run, model.release_memory, "edited query", pool)
    reporter.finish()
    if not np.isfinite(log_prob).all():
        raise ModelError(
            "log-probabilities of edited queries are not numbers: the model's weights are damaged, "
            "or too large for its arithmetic; use float32 or bfloat16"
        )
    return EditResults(log_prob, is_top)


class _Batch:
    """Rows of one length that share a forward pass."""

    def __init__(self, model: LoadedModel, queries: Queries, edits: Edits, rows: Longs) -> None:
        self.model, self.queries = model, queries
        facts = edits.row[rows]
        self.query, self.query_of_row = np.unique(
            queries.row_query[facts].astype(np.int64), return_inverse=True
        )
        of_row = self.query[self.query_of_row]
        counts = queries.scored_counts[of_row]
        # Items: scored positions of all rows, row after row.
        self.item_row = np.repeat(np.arange(len(rows)), counts)
        self.item_offsets = offsets_of(counts)
        self.item_position = queries.scored_positions[
            ranges(queries.scored_offsets[:-1][of_row], counts)
        ].astype(np.int64)
        golds = queries.gold_offsets[:-1][queries.row_fact[facts]]
        self.item_target = queries.gold_ids[ranges(golds, counts)].astype(np.int64)
        self._spread(edits, rows, counts)

    def run(self, runner: EditedForward) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Compute each row's log-probability of the object, and whether it is the top answer."""
        device = self.model.device
        tokens = self._tokens().to(device)
        self.first = int(self.layer.min(initial=len(self.model.view.layers)))
        hidden = runner.run(
            tokens,
            torch.from_numpy(self.query_of_row).to(device),
            self.first,
            {int(layer): self._at_layer(int(layer)) for layer in np.unique(self.layer)},
        )
        rows, positions = (
            torch.from_numpy(array).to(device) for array in (self.item_row, self.item_position)
        )
        log_prob, is_top = _scores(
            self.model, hidden[rows, positions], torch.from_numpy(self.item_target).to(device)
        )
        starts = self.item_offsets[:-1]
        return np.add.reduceat(log_prob, starts), np.logical_and.reduceat(is_top, starts)

    def _tokens(self) -> torch.Tensor:
        """Token ids ``[queries, length]`` of the distinct queries of the batch."""
        starts = self.queries.token_offsets[self.query]
        length = int(self.queries.lengths[self.query[0]])
        places = starts[:, None] + np.arange(length)
        return torch.from_numpy(self.queries.token_ids[places].astype(np.int64))

    def _spread(self, edits: Edits, rows: Longs, counts: Longs) -> None:
        """List every neuron of every row at every scored position of the row: ``[cells]``."""
        sizes = np.diff(edits.neuron_offsets)[rows]
        neuron = ranges(edits.neuron_offsets[:-1][rows], sizes)
        row = np.repeat(np.arange(len(rows)), sizes)
        cells = counts[row]
        item = ranges(self.item_offsets[:-1][row], cells)
        self.row, self.position = np.repeat(row, cells), self.item_position[item]
        neuron = np.repeat(neuron, cells)
        self.layer, self.unit = edits.layer[neuron], edits.unit[neuron]
        self.factor, self.value = edits.factor[neuron], edits.value[neuron]

    def _at_layer(self, layer: int) -> Cells:
        cells = np.flatnonzero(self.layer == layer)
        device = self.model.device
        row, position, unit = (
            torch.from_numpy(array[cells]).to(device)
            for array in (self.row, self.position, self.unit)
        )
        factor, value = (
            torch.from_numpy(array[cells]).to(device, self.model.dtype)
            for array in (self.factor, self.value)
        )
        return Cells(row, position, unit, factor, value)


def _scores(
    model: LoadedModel, hidden: torch.Tensor, targets: torch.Tensor
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Compute the log-probability of each target, and whether it is the largest of the row."""
    block_bytes = device_plan(hidden.device).logit_bytes
    step = max(1, block_bytes // (4 * model.view.vocabulary_size))
    wide = torch.promote_types(model.dtype, torch.float32)
    log_probs, tops = [], []
    for start in range(0, len(hidden), step):
        logits = model.view.compute_logits(hidden[start : start + step]).to(wide)
        picked = logits.gather(1, targets[start : start + step, None])[:, 0]
        log_probs.append(picked - logits.logsumexp(-1))
        tops.append(picked >= logits.amax(-1))
    return torch.cat(log_probs).double().cpu().numpy(), torch.cat(tops).cpu().numpy()


def _first_layers(edits: Edits, layers: int) -> Longs:
    """Find the lowest edited layer of each edit; the number of layers if it has no neurons."""
    first = np.full(edits.count, layers, dtype=np.int64)
    owner = np.repeat(np.arange(edits.count), np.diff(edits.neuron_offsets))
    np.minimum.at(first, owner, edits.layer)
    return first


def _check(model: LoadedModel, edits: Edits) -> None:
    layers, units = len(model.view.layers), model.view.neuron_count
    outside = (edits.layer < 0) | (edits.layer >= layers) | (edits.unit < 0) | (edits.unit >= units)
    if outside.any():
        wrong = int(np.flatnonzero(outside)[0])
        raise ModelError(
            f"neuron {edits.unit[wrong]} of layer {edits.layer[wrong]} cannot be edited: the model "
            f"has {layers} layers with {units} neurons each, both counted from 0. The neurons "
            "come from another model."
        )
