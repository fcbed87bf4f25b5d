"""Rows of integrated gradients: the points on the lines from baselines to clean activations.

What belongs here: the scored tokens of a fact, their baselines, packing (line, point) rows into
batches of one layer, and the sums over rows. What does not: the forward pass of a row
(``models_gpu.engine.forward_cache``), choosing groups of tokens and summing over the tokens of a
fact (``models_gpu.methods.integrated_gradients``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch

from models_gpu.engine.batching import plan_batches, run_with_oom_retry
from models_gpu.engine.devices import device_plan
from models_gpu.engine.forward_cache import (
    ForwardCache,
    neurons_at,
    target_gradients,
    target_probabilities,
)
from models_gpu.engine.patched_forward import EditedForward
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.integration_paths import norm_points, quadrature_nodes
from models_gpu.progress import Progress, ProgressReporter, forward_work, one_part
from models_gpu.prompting.queries import Queries, require_gold_counts
from models_gpu.ragged import Longs, offsets_of, ranges
from models_gpu.settings import PathSettings

__all__ = ["ItemGroup", "Items", "scored_items"]


@dataclass(frozen=True)
class Items:
    """Scored tokens of some rows of the queries, one item per token; all arrays ``[items]``."""

    row: Longs
    """Row of the item, as a place in the chosen rows."""
    ordinal: Longs
    """Place of the token in its object, from 0."""
    target: Longs
    """Id of the token."""
    query: Longs
    """Query of the item."""
    position: Longs
    """Position at which the token is predicted."""
    length: Longs
    """Tokens of the query that are needed: all in a masked model, in a causal model those up to
    ``position``."""

    def part(self, places: Longs) -> Items:
        """Select the items at these places."""
        return Items(*(getattr(self, field.name)[places] for field in fields(self)))


def scored_items(queries: Queries, rows: Longs, *, is_causal: bool) -> Items:
    """List the scored tokens of some rows of the queries, row after row.

    Raises:
        ModelError: a row with another number of masks than its object has tokens.
    """
    query, fact = queries.row_query[rows].astype(np.int64), queries.row_fact[rows]
    require_gold_counts(queries, rows)
    counts = queries.scored_counts[query]
    row = np.repeat(np.arange(len(rows)), counts)
    position = queries.scored_positions[ranges(queries.scored_offsets[:-1][query], counts)]
    # In a causal model no token depends on later ones.
    length = position.astype(np.int64) + 1 if is_causal else queries.lengths[query[row]]
    return Items(
        row=row,
        ordinal=np.arange(len(row)) - offsets_of(counts)[row],
        target=queries.gold_ids[ranges(queries.gold_offsets[:-1][fact], counts)].astype(np.int64),
        query=query[row],
        position=position.astype(np.int64),
        length=length,
    )


class ItemGroup:
    """Items whose sequences share one clean pass: their lines, rows and sums.

    A *line* goes from a baseline to the clean activations of an item. A *row* is one point of one
    line in one layer, and costs one resumed forward pass.
    """

    def __init__(
        self,
        model: LoadedModel,
        runner: EditedForward,
        queries: Queries,
        items: Items,
        sequence_queries: Longs,
        sequence_of_item: Longs,
        settings: PathSettings,
        budget: int,
        progress: Progress,
    ) -> None:
        self.progress = progress
        self.model, self.items, self.settings, self.budget = model, items, settings, budget
        lengths = np.zeros(len(sequence_queries), dtype=np.int64)
        lengths[sequence_of_item] = items.length
        place = np.arange(lengths.max())
        is_token = place < lengths[:, None]
        at = queries.token_offsets[sequence_queries][:, None] + np.where(is_token, place, 0)
        tokens = np.where(is_token, queries.token_ids[at], model.pad_token_id).astype(np.int64)
        self.tokens = torch.from_numpy(tokens).to(model.device)
        self.is_token = None if is_token.all() else torch.from_numpy(is_token).to(model.device)
        self.sequence = self._upload(sequence_of_item)
        self.position = self._upload(items.position)
        self.target = self._upload(items.target)
        self.from_zero = settings.mode in ("zero", "zero_norm_held")
        holds_norms = settings.mode == "zero_norm_held" and model.view.branch_epsilon is not None
        self.cache = ForwardCache(
            model, runner, self.tokens, self.is_token, self.sequence, self.position,
            holds_norms=holds_norms,
        )  # fmt: skip
        # A norm that is not held hides the line from zero: see norm_points.
        self.epsilon = model.view.branch_epsilon if settings.mode == "zero" else None
        self.wide = torch.promote_types(model.dtype, torch.float32)
        self.clean = self.cache.neurons.to(self.wide)
        self.clean_score = target_probabilities(model, self.cache.hidden, self.target)
        self._draw_lines(queries)

    def run(self, pool: Executor | None) -> None:
        """Run every row of every layer, and compute F at both ends of the lines.

        Args:
            pool: from ``core_pool``; batches of rows then run in parallel. Its size changes nothing
                in the results.
        """
        settings = self.settings
        layers, lines = len(self.clean), len(self.line_item)
        shape = (layers, lines, self.clean.shape[-1])
        self.gradients = torch.zeros(shape, dtype=self.wide, device=self.model.device)
        self.baseline = torch.zeros((layers, lines), dtype=self.wide, device=self.model.device)
        chosen = [np.arange(lines)] * layers
        steps, tolerance = settings.first_steps, settings.largest_residual
        if tolerance is not None:
            # What the model's own arithmetic rounds away, no number of points brings back.
            tolerance = max(tolerance, torch.finfo(self.model.dtype).eps)
        # A gradient takes about three forward passes.
        first, later = self._work(lines), 3 * self._work(lines * steps)
        ends = first / (first + later)
        report = one_part(self.progress, 0, ends, 1)
        starts = np.zeros(1)
        self._run_rows(chosen, starts, starts, self._ends, self.baseline, report, pool)
        done = ends
        while any(len(places) for places in chosen):
            points, weights = quadrature_nodes(settings.quadrature, steps)
            # How many lines need more points is not known before: half of the work, say.
            own = (1 - done) * (1.0 if tolerance is None else 0.5)
            report = one_part(self.progress, done, own, 1)
            self._run_rows(chosen, points, weights, self._gradients, self.gradients, report, pool)
            done += own
            steps *= 2
            if tolerance is None or steps > settings.most_steps:
                break
            chosen = self._inexact_lines(tolerance)
            for layer, places in enumerate(chosen):
                self.gradients[layer, self._upload(places)] = 0
        self.progress(1, 1)

    def _work(self, rows: int) -> int:
        """Count the tokens of a layer's rows, and those that every pass costs by itself."""
        tokens = rows if self.model.family.is_causal else rows * self.tokens.shape[1]
        itself = device_plan(self.model.device).pass_tokens or 0
        return tokens + itself * -(-tokens // self.budget)

    def _inexact_lines(self, tolerance: float) -> list[Longs]:
        """Find the lines of each layer whose scores do not add up to what the layer changes."""
        sums = (self.gradients * self._scale(is_complete=True)).sum(-1)
        change = self.clean_score[self.line_item] - self.baseline
        is_inexact = ((sums - change).abs() > tolerance).cpu().numpy()
        return [np.flatnonzero(of_layer).astype(np.int64) for of_layer in is_inexact]

    def _scale(self, *, is_complete: bool) -> torch.Tensor:
        """Compute what gradients are multiplied by: w̄ − b; in mode 'amig_code' w̄."""
        scale = self.clean[:, self.line_item]
        if self.baselines is None or (self.settings.mode == "amig_code" and not is_complete):
            return scale
        return scale - self.baselines

    def sums(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Sum over the lines of each item.

        Returns:
            Scores ``[layers, items, units]``, F(b) averaged over the item's lines ``[layers,
            items]``, and the number of its lines ``[items]``.
        """
        scores, baseline = self.gradients * self._scale(is_complete=False), self.baseline
        counts = torch.ones(len(self.target), dtype=self.wide, device=self.model.device)
        if self.settings.mode == "amig":
            of_item = self._members(self.line_item)
            counts = of_item.sum(1)
            scores, baseline = of_item @ scores, baseline @ of_item.t() / counts
        return scores, baseline, counts

    def _draw_lines(self, queries: Queries) -> None:
        """Set ``line_item`` ``[lines]``, and ``baselines`` ``[layers, lines, units]`` or None."""
        count = len(self.target)
        self.line_item = torch.arange(count, device=self.model.device)
        self.baselines: torch.Tensor | None = None
        if self.from_zero:
            return
        replaced = [self._query_tokens(queries, item) for item in range(count)]
        item = np.repeat(np.arange(count), [len(places) for places in replaced])
        line_item = self._upload(item)
        swapped = self._upload(np.concatenate(replaced))
        rows = self._upload(np.arange(len(item)))
        found = torch.empty(
            (len(self.clean), len(item), self.clean.shape[-1]),
            dtype=self.wide,
            device=self.model.device,
        )

        def run(start: int, stop: int) -> None:
            part = slice(start, stop)
            sequence = self.sequence[line_item[part]]
            tokens = self.tokens[sequence].clone()
            tokens[rows[: stop - start], swapped[part]] = _replacement_token(self.model)
            is_token = None if self.is_token is None else self.is_token[sequence]
            position = self.position[line_item[part]]
            found[:, part] = neurons_at(self.model, tokens, is_token, position).to(self.wide)

        lengths = np.full(len(item), self.tokens.shape[1])
        batches = plan_batches(lengths, self.budget, 0.0)
        run_with_oom_retry(batches, lengths, run, self.model.release_memory, "query")
        if self.settings.mode == "amig":
            self.line_item, self.baselines = line_item, found
            return
        of_item = self._members(line_item)
        self.baselines = (of_item / of_item.sum(1, keepdim=True)) @ found

    def _members(self, line_item: torch.Tensor) -> torch.Tensor:
        """Make the matrix ``[items, lines]`` with 1 where a line belongs to an item.

        A product with it sums over lines in a fixed order; scatter_add has none on a GPU.
        """
        return torch.nn.functional.one_hot(line_item, len(self.target)).t().to(self.wide)

    def _query_tokens(self, queries: Queries, item: int) -> Longs:
        """Find the positions of the tokens that are replaced, one per baseline.

        These are all tokens of the query except special tokens, the masks of the object, and the
        object's tokens that a causal model reads.
        """
        query = self.items.query[item]
        tokens = queries.token_ids[queries.token_offsets[query] :][: queries.lengths[query]]
        first, last = queries.scored_offsets[[query, query + 1]]
        scored = queries.scored_positions[first:last]
        tokenizer = self.model.tokenizer
        # The unknown token stands for a word of the query, though tokenizers list it as special.
        special = (
            tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id,
            tokenizer.bos_token_id, tokenizer.eos_token_id,
        )  # fmt: skip
        own = ~np.isin(tokens, [token for token in special if token is not None])
        if self.model.family.is_causal:
            own[scored[0] + 1 :] = False
        else:
            own[scored] = False
        # The prompt of a causal model can be the start token alone.
        return np.flatnonzero(own) if own.any() else scored[:1].astype(np.int64)

    def _run_rows(
        self,
        chosen: Sequence[Longs],
        points: npt.NDArray[np.float64],
        weights: npt.NDArray[np.float64],
        compute: Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
        out: torch.Tensor,
        progress: Progress,
        pool: Executor | None,
    ) -> None:
        """Run every (layer, line, point) row in batches of one layer, and add to their lines.

        ``chosen`` are the lines of each layer, sorted. ``compute`` is called with the layer and,
        per row, the line, the weight and the point; what it returns for the lines from the first to
        the last one is added to ``out[layer]``. A row costs the layers above its own and the head.
        """
        steps, layers = len(points), len(self.clean)
        length = self.tokens.shape[1]
        # Above the last layer only the position itself is computed.
        of_layer = np.full(layers, 1 if self.model.family.is_causal else length)
        of_layer[-1] = 1
        row_counts = np.array([len(lines) * steps for lines in chosen])
        first_row = offsets_of(row_counts)
        lengths = np.repeat(of_layer, row_counts)
        layer_of_row = np.repeat(np.arange(layers), row_counts)
        above = (layers - 1 - layer_of_row) / layers
        work = forward_work(self.model, lengths, np.ones_like(lengths), above)
        reporter = ProgressReporter(self.model.device, progress, float(work.sum()))
        lines = [self._upload(places) for places in chosen]
        point = torch.from_numpy(points).to(self.model.device, self.wide)
        weight = torch.from_numpy(weights).to(self.model.device, self.wide)
        found: dict[int, tuple[int, slice, torch.Tensor]] = {}

        def run(start: int, stop: int) -> None:
            layer = int(layer_of_row[start])
            row = torch.arange(start, stop, device=self.model.device) - int(first_row[layer])
            step, line = row % steps, lines[layer][row // steps]
            places = slice(int(line[0]), int(line[-1]) + 1)
            found[start] = layer, places, compute(layer, line, weight[step], point[step])
            reporter.advance(float(work[start:stop].sum()))

        batches = [
            (int(first_row[layer]) + start, int(first_row[layer]) + stop)
            for layer in range(layers)
            for start, stop in plan_batches(
                np.full(row_counts[layer], of_layer[layer]), self.budget, 0.0
            )
        ]
        run_with_oom_retry(batches, lengths, run, self.model.release_memory, "row of a fact", pool)
        # Rows of a line can be in two batches. Whichever was ready first, sums have one order.
        for start in sorted(found):
            layer, places, part = found[start]
            out[layer, places] += part
        reporter.finish()

    def _points(
        self, layer: int, line: torch.Tensor, node: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Find the rows' points on their lines; with a substitution also its slopes."""
        if self.epsilon is None:
            return node, None
        squares = self.cache.mean_squares[layer, self.line_item[line]]
        return norm_points(node, squares, self.epsilon)

    def _neurons(self, layer: int, line: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
        """Compute the activations at the rows' points: ``[rows, units]``."""
        clean = self.clean[layer, self.line_item[line]]
        if self.baselines is None:
            return point[:, None] * clean
        return torch.lerp(self.baselines[layer, line], clean, point[:, None])

    @torch.no_grad()
    def _ends(
        self, layer: int, line: torch.Tensor, _: torch.Tensor, point: torch.Tensor
    ) -> torch.Tensor:
        """Compute F(b) of the rows' lines, which are neighbours: ``[lines]``."""
        item = self.line_item[line]
        neurons = self._neurons(layer, line, point).to(self.model.dtype)
        hidden = self.cache.resume(layer, item, neurons)
        return target_probabilities(self.model, hidden, self.target[item])

    def _gradients(
        self, layer: int, line: torch.Tensor, weight: torch.Tensor, point: torch.Tensor
    ) -> torch.Tensor:
        """Compute the sum of each line's weighted gradients, from the first line to the last."""
        item = self.line_item[line]
        point, slope = self._points(layer, line, point)
        weight = weight if slope is None else weight * slope
        neurons = self._neurons(layer, line, point).requires_grad_()
        with torch.enable_grad():
            hidden = self.cache.resume(layer, item, neurons.to(self.model.dtype))
        targets = self.target[item]
        # Two steps of the chain rule: the head goes in blocks, so that no graph holds all logits.
        of_hidden = target_gradients(self.model, hidden, targets)
        (gradient,) = torch.autograd.grad([hidden], [neurons], [of_hidden])
        first, last = int(line[0]), int(line[-1]) + 1
        of_line = torch.zeros((last - first, len(line)), dtype=self.wide, device=line.device)
        of_line[line - first, torch.arange(len(line), device=line.device)] = weight
        return of_line @ gradient

    def _upload(self, values: npt.NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(values).to(self.model.device)


def _replacement_token(model: LoadedModel) -> int:
    """Choose the replacement token: the mask; in a causal model the end of text, else its start.

    The end of text is the one that the tokenizer names, else the one of config.json.
    """
    known = (model.mask_token_id, model.end_token_id, model.start_token_id)
    found = next((token for token in known if token is not None), None)
    if found is None:
        raise ModelError("the tokenizer has no mask, end-of-text or start token as a replacement")
    return int(found)
