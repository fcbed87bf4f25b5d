"""Layer scores: what every layer of a model predicts, read through the model's own output head.

What belongs here: log-probability and rank of given tokens at every layer ("logit lens"). What does
not: which names are scored (``models_gpu.methods.latent_languages``), the use of the results (SQL).
Definitions: docs/signals.md#latent-languages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models_gpu.engine.batching import core_pool, plan_batches, run_with_oom_retry
from models_gpu.engine.devices import device_plan
from models_gpu.engine.logits import ranks
from models_gpu.engine.patched_forward import EditedForward, editable
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import Progress, ProgressReporter
from models_gpu.prompting.queries import Queries, require_gold_counts
from models_gpu.ragged import Ints, Longs, offsets_of, ranges

__all__ = ["LayerScores", "equal_length_tokens", "score_layers"]


@dataclass(frozen=True)
class LayerScores:
    """Scores of the object of every row at every layer; arrays on the host."""

    log_prob: npt.NDArray[np.float64]
    """``[layers, rows]`` natural log-probability of the object: the sum over its tokens."""
    rank: Ints
    """``[layers, rows]`` the worst rank of its tokens, from 1."""


def score_layers(
    model: LoadedModel,
    queries: Queries,
    *,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> LayerScores:
    """Score the objects of all rows after every layer.

    What a layer returns at a scored position goes through the model's final norm, if it has one,
    and its output head. The last layer gives the model's own prediction. Queries of one length
    share a batch without padding; rows of one query share its forward pass and its logits.

    Args:
        model: from ``models_gpu.loading.load``, masked or causal.
        queries: with as many scored positions as the object of each row has tokens.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with work done and work in all, from any thread.

    Raises:
        ModelError: a row with another number of scored positions than its object has tokens, a
            query that does not fit on the device alone, logits that are not numbers.
    """
    row_count, layers = len(queries.row_fact), len(model.view.layers)
    require_gold_counts(queries, np.arange(row_count))
    log_prob = np.empty((layers, row_count))
    rank = np.empty((layers, row_count), dtype=np.int32)
    order = np.argsort(queries.row_query, kind="stable")
    sorted_queries = queries.row_query[order]
    reporter = ProgressReporter(model.device, progress, int(queries.lengths.sum()))

    with editable(model.view) as runner, core_pool(model.device) as pool:

        @torch.inference_mode()
        def run(start: int, stop: int) -> None:
            low, high = np.searchsorted(sorted_queries, [start, stop])
            rows = order[low:high]
            batch = _Batch(model, queries, start, stop, rows)
            log_prob[:, rows], rank[:, rows] = batch.run(runner)
            reporter.advance(int(queries.lengths[start:stop].sum()))

        budget = token_budget or device_plan(model.device).kept_token_budget
        batches = plan_batches(queries.lengths, budget, 0.0)
        run_with_oom_retry(batches, queries.lengths, run, model.release_memory, "query", pool)
    if not np.isfinite(log_prob).all():
        raise ModelError(
            f"the logits of a layer are not numbers in {model.dtype}: the model's weights are "
            "damaged, or too large for that arithmetic; use float32 or bfloat16"
        )
    return LayerScores(log_prob, rank)


def equal_length_tokens(queries: Queries, chosen: Longs, device: torch.device) -> torch.Tensor:
    """Get the token ids ``[chosen, length]`` of queries that all have the same length."""
    length = int(queries.lengths[chosen[0]])
    places = queries.token_offsets[:-1][chosen][:, None] + np.arange(length)
    return torch.from_numpy(queries.token_ids[places].astype(np.int64)).to(device)


class _Batch:
    """Queries ``start … stop - 1`` of one length, and the rows that ask them."""

    def __init__(
        self, model: LoadedModel, queries: Queries, start: int, stop: int, rows: Longs
    ) -> None:
        self.model = model
        self.token_ids = equal_length_tokens(queries, np.arange(start, stop), model.device)
        counts = queries.scored_counts[start:stop]
        begin, end = queries.scored_offsets[[start, stop]]
        # Items: scored positions of all queries, query after query.
        self.item_query = np.repeat(np.arange(stop - start), counts)
        self.item_position = queries.scored_positions[begin:end].astype(np.int64)
        of_row = queries.row_query[rows].astype(np.int64) - start
        sizes = counts[of_row]
        golds = queries.gold_offsets[:-1][queries.row_fact[rows]]
        items = ranges(offsets_of(counts)[:-1][of_row], sizes)
        targets = queries.gold_ids[ranges(golds, sizes)].astype(np.int64)
        # Names that share a token at a position share its score.
        keys, self.place = np.unique(
            items * model.view.vocabulary_size + targets, return_inverse=True
        )
        self.pair_item, self.pair_target = np.divmod(keys, model.view.vocabulary_size)
        self.row_starts = offsets_of(sizes)[:-1]

    def run(self, runner: EditedForward) -> tuple[npt.NDArray[np.float64], Ints]:
        """Compute ``[layers, rows]`` log-probabilities and worst ranks."""
        device = self.model.device
        _, streams = runner.layer_states(self.token_ids)
        places = [torch.from_numpy(a).to(device) for a in (self.item_query, self.item_position)]
        log_probs, worst = [], []
        for stream in streams:
            hidden = runner.final_states(stream[places[0], places[1]])
            values, positions = self._score(hidden)
            log_probs.append(np.add.reduceat(values[self.place], self.row_starts))
            worst.append(np.maximum.reduceat(positions[self.place], self.row_starts))
        return np.stack(log_probs), np.stack(worst)

    def _score(self, hidden: torch.Tensor) -> tuple[npt.NDArray[np.float64], Ints]:
        """Score the pairs of item and token from the items' last hidden states."""
        values = np.empty(len(self.pair_item))
        places = np.empty(len(self.pair_item), dtype=np.int32)
        for start, stop in self._blocks():
            low, high = int(self.pair_item[start]), int(self.pair_item[stop - 1]) + 1
            logits = self.model.view.compute_logits(hidden[low:high]).float()
            row = torch.from_numpy(self.pair_item[start:stop] - low).to(hidden.device)
            target = torch.from_numpy(self.pair_target[start:stop]).to(hidden.device)
            rank, own = ranks(logits, target, row)
            values[start:stop] = (own - logits.logsumexp(-1)[row]).cpu().numpy()
            places[start:stop] = rank.cpu().numpy()
        return values, places

    def _blocks(self) -> list[tuple[int, int]]:
        """Cut the pairs into blocks whose logits fit, with all pairs of an item in one block."""
        limit = device_plan(self.model.device).logit_bytes
        most = max(1, limit // (8 * self.model.view.vocabulary_size))
        bounds = np.append(np.flatnonzero(np.diff(self.pair_item, prepend=-1)), len(self.pair_item))
        blocks, start = [], 0
        for place in range(1, len(bounds)):
            is_last = place == len(bounds) - 1
            if is_last or bounds[place + 1] - bounds[start] > most:
                blocks.append((int(bounds[start]), int(bounds[place])))
                start = place
        return blocks
