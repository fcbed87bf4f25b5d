"""Patching: the answers of a model in which states at some positions come from another query.

What belongs here: recording the output of every layer at chosen positions, and resuming forward
passes in which it is replaced in one layer. What does not: which queries and positions
(``models_gpu.methods.patching``), the use of the results (SQL). Definitions:
docs/signals.md#patching.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models_gpu.engine.batching import core_pool, plan_batches, run_with_oom_retry
from models_gpu.engine.devices import device_plan
from models_gpu.engine.layer_scores import equal_length_tokens
from models_gpu.engine.patched_forward import EditedForward, editable
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import Progress, ProgressReporter
from models_gpu.prompting.queries import Queries, require_gold_counts
from models_gpu.ragged import Longs, offsets_of, ranges

__all__ = ["PatchResults", "Patches", "record_states", "run_patches"]


@dataclass(frozen=True)
class Patches:
    """Patched queries, the states that are put into them, and the objects that are scored."""

    query: Longs
    """``[patches]`` the query of ``Queries`` into which states are put."""
    cell_offsets: Longs
    """``[patches + 1]`` where the replaced positions of a patch begin."""
    position: Longs
    """``[cells]`` replaced positions of the query; each at most once in a patch."""
    state: Longs
    """``[cells]`` the recorded state that is put there."""
    target_patch: Longs
    """``[targets]`` the patch in which an object is scored, ascending."""
    target_row: Longs
    """``[targets]`` row of ``Queries``: the object, asked with the query of the patch."""


@dataclass(frozen=True)
class PatchResults:
    """Scores of every target, patched in one layer after the other, and last without a patch."""

    log_prob: npt.NDArray[np.float64]
    """``[layers + 1, targets]`` natural log-probability of the object: sum over its tokens."""
    is_top: npt.NDArray[np.bool_]
    """``[layers + 1, targets]`` whether each token of the object is the most probable one."""


def record_states(
    model: LoadedModel,
    queries: Queries,
    query: Longs,
    position: Longs,
    *,
    token_budget: int | None = None,
) -> torch.Tensor:
    """Record what every layer returns at some positions of some queries.

    Args:
        model: from ``models_gpu.loading.load``.
        queries: from ``build_queries``.
        query: ``[states]`` the query of each state.
        position: ``[states]`` its position in the query.
        token_budget: most tokens of a batch; chosen for the device when None.

    Returns:
        ``[layers, states, hidden]`` in the model's dtype, on its device.

    Raises:
        ModelError: a query that does not fit on the device alone.
    """
    shape = (len(model.view.layers), len(query), model.view.hidden_size)
    states = torch.empty(shape, dtype=model.dtype, device=model.device)
    used = np.unique(query)
    place_of_query = np.full(queries.count, -1, dtype=np.int64)
    place_of_query[used] = np.arange(len(used))

    with editable(model.view) as runner, core_pool(model.device) as pool:

        @torch.inference_mode()
        def run(start: int, stop: int) -> None:
            own = np.flatnonzero((query >= used[start]) & (query <= used[stop - 1]))
            tokens = equal_length_tokens(queries, used[start:stop], model.device)
            _, streams = runner.layer_states(tokens)
            rows = torch.from_numpy(place_of_query[query[own]] - start).to(model.device)
            places = torch.from_numpy(position[own]).to(model.device)
            kept = torch.from_numpy(own).to(model.device)
            for layer, stream in enumerate(streams):
                states[layer, kept] = stream[rows, places]

        lengths = queries.lengths[used]
        budget = token_budget or device_plan(model.device).kept_token_budget
        batches = plan_batches(lengths, budget, 0.0)
        run_with_oom_retry(batches, lengths, run, model.release_memory, "query", pool)
    return states


def run_patches(
    model: LoadedModel,
    queries: Queries,
    patches: Patches,
    states: torch.Tensor,
    *,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> PatchResults:
    """Score the targets of every patch, with the patch in one layer after the other.

    A patch replaces what the layer returns at its positions; the layers above run again, those
    below do not. Patches of one length share a batch without padding.

    Args:
        model: from ``models_gpu.loading.load``, masked or causal.
        queries: with as many scored positions as the object of each target has tokens.
        patches: the patches and their targets.
        states: ``[layers, states, hidden]`` from ``record_states`` of the same model.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with work done and work in all, from any thread.

    Raises:
        ModelError: a target with another number of scored positions than its object has tokens, a
            patch that does not fit on the device alone, logits that are not numbers.
    """
    require_gold_counts(queries, patches.target_row)
    shape = (len(model.view.layers) + 1, len(patches.target_row))
    log_prob, is_top = np.empty(shape), np.empty(shape, dtype=np.bool_)
    order = np.lexsort((patches.query, -queries.lengths[patches.query]))
    lengths = queries.lengths[patches.query][order]
    reporter = ProgressReporter(model.device, progress, int(lengths.sum()))

    with editable(model.view) as runner, core_pool(model.device) as pool:

        @torch.inference_mode()
        def run(start: int, stop: int) -> None:
            batch = _Batch(model, queries, patches, order[start:stop])
            log_prob[:, batch.targets], is_top[:, batch.targets] = batch.run(runner, states)
            reporter.advance(int(lengths[start:stop].sum()))

        budget = token_budget or device_plan(model.device).kept_token_budget
        batches = plan_batches(lengths, budget, 0.0)
        run_with_oom_retry(batches, lengths, run, model.release_memory, "patched query", pool)
    if not np.isfinite(log_prob).all():
        raise ModelError(
            f"log-probabilities of patched queries are not numbers in {model.dtype}: the model's "
            "weights are damaged, or too large for that arithmetic; use float32 or bfloat16"
        )
    return PatchResults(log_prob, is_top)


class _Batch:
    """Patches of one length that share forward passes."""

    def __init__(
        self, model: LoadedModel, queries: Queries, patches: Patches, chosen: Longs
    ) -> None:
        self.model, device = model, model.device
        used, query_of_row = np.unique(patches.query[chosen], return_inverse=True)
        self.query_of_row = torch.from_numpy(query_of_row).to(device)
        self.tokens = equal_length_tokens(queries, used, device)
        counts = np.diff(patches.cell_offsets)[chosen]
        cells = ranges(patches.cell_offsets[:-1][chosen], counts)
        self.cells = tuple(
            torch.from_numpy(array).to(device)
            for array in (
                np.repeat(np.arange(len(chosen)), counts),
                patches.position[cells],
                patches.state[cells],
            )
        )
        sizes = np.bincount(patches.target_patch, minlength=len(patches.query))
        targets = offsets_of(sizes)
        self.targets = ranges(targets[:-1][chosen], sizes[chosen])
        self._items(queries, patches, np.repeat(np.arange(len(chosen)), sizes[chosen]))

    def _items(self, queries: Queries, patches: Patches, row_of_target: Longs) -> None:
        """List the scored positions of all targets, target after target."""
        device = self.model.device
        rows = patches.target_row[self.targets]
        query = queries.row_query[rows].astype(np.int64)
        counts = queries.scored_counts[query]
        positions = queries.scored_positions[ranges(queries.scored_offsets[:-1][query], counts)]
        golds = queries.gold_ids[ranges(queries.gold_offsets[:-1][queries.row_fact[rows]], counts)]
        self.starts = offsets_of(counts)[:-1]
        self.item_row, self.item_position, self.item_token = (
            torch.from_numpy(array.astype(np.int64)).to(device)
            for array in (np.repeat(row_of_target, counts), positions, golds)
        )

    def run(
        self, runner: EditedForward, states: torch.Tensor
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Compute ``[layers + 1, targets]`` log-probabilities, and whether each is the answer."""
        clean, streams = runner.layer_states(self.tokens)
        row, position, state = self.cells
        found = []
        for layer, stream in enumerate(streams):
            patched = stream[self.query_of_row].index_put((row, position), states[layer, state])
            found.append(self._score(runner.resume(self.tokens[self.query_of_row], layer, patched)))
        found.append(self._score(clean[self.query_of_row]))
        log_probs, tops = zip(*found, strict=True)
        return np.stack(log_probs), np.stack(tops)

    def _score(self, hidden: torch.Tensor) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        device, vocabulary = hidden.device, self.model.view.vocabulary_size
        step = max(1, device_plan(device).logit_bytes // (4 * vocabulary))
        # Targets of one patch share the logits of a position.
        keys, place = torch.unique(
            self.item_row * hidden.shape[1] + self.item_position, return_inverse=True
        )
        states = hidden.flatten(0, 1)[keys]
        picked, tops = [], []
        for start in range(0, len(keys), step):
            logits = self.model.view.compute_logits(states[start : start + step]).float()
            own = (place >= start) & (place < start + step)
            row, token = place[own] - start, self.item_token[own]
            picked.append((own, logits[row, token] - logits.logsumexp(-1)[row]))
            tops.append(logits[row, token] >= logits.amax(-1)[row])
        log_prob = torch.empty(len(place), dtype=torch.float64, device=device)
        is_top = torch.empty(len(place), dtype=torch.bool, device=device)
        for (own, values), top in zip(picked, tops, strict=True):
            log_prob[own], is_top[own] = values.double(), top
        return (
            np.add.reduceat(log_prob.cpu().numpy(), self.starts),
            np.logical_and.reduceat(is_top.cpu().numpy(), self.starts),
        )
