"""Rows of integrated gradients: lines from baselines to clean neurons, cut into points and packed.

What belongs here: which tokens of a fact are scored, the baselines of a group of them, packing
their (line, point) rows into batches of one layer, and the sums over the rows. What does not: the
partial forward pass that a row is (``models_gpu.engine.forward_cache``), choosing groups and adding
up the tokens of a fact (``models_gpu.methods.integrated_gradients``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch

from models_gpu.engine.batching import plan_batches, run_with_oom_retry
from models_gpu.engine.forward_cache import (
    ForwardCache,
    neurons_at,
    target_gradients,
    target_probabilities,
)
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.integration_paths import PathSettings, quadrature_nodes
from models_gpu.prompting.queries import Queries
from models_gpu.ragged import Longs, offsets_of, ranges

__all__ = ["ItemGroup", "Items", "scored_items"]


@dataclass(frozen=True)
class Items:
    """Scored tokens of some rows of the queries; all arrays ``[items]``."""

    row: Longs
    """Place of the fact among the rows."""
    ordinal: Longs
    """Which of the object's tokens it is."""
    target: Longs
    """The token id."""
    query: Longs
    """The query."""
    position: Longs
    """Where it is predicted."""
    length: Longs
    """Tokens of the query that are needed: all of them in a masked model, in a causal one those up
    to the position."""

    def part(self, places: Longs) -> Items:
        """The items at these places."""
        return Items(*(getattr(self, field.name)[places] for field in fields(self)))


def scored_items(queries: Queries, rows: Longs, *, is_causal: bool) -> Items:
    """The scored tokens of some rows of the queries, row after row.

    Raises:
        ModelError: a row with another number of masks than its object has tokens.
    """
    query, fact = queries.row_query[rows].astype(np.int64), queries.row_fact[rows]
    counts = queries.scored_counts[query]
    golds = np.diff(queries.gold_offsets)[fact]
    if not np.array_equal(counts, golds):
        wrong = int(np.flatnonzero(counts != golds)[0])
        raise ModelError(
            f"fact '{queries.fact_ids[int(fact[wrong])]}' is asked for {counts[wrong]} tokens, but "
            f"its object has {golds[wrong]}; only queries for just the object can be attributed"
        )
    row = np.repeat(np.arange(len(rows)), counts)
    position = queries.scored_positions[ranges(queries.scored_offsets[:-1][query], counts)]
    # No token of a causal model sees those after it.
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
    """Items of sequences that are run together: their lines, rows and sums."""

    def __init__(
        self,
        model: LoadedModel,
        queries: Queries,
        items: Items,
        sequence_queries: Longs,
        sequence_of_item: Longs,
        settings: PathSettings,
        budget: int,
    ) -> None:
        self.model, self.items, self.settings, self.budget = model, items, settings, budget
        lengths = np.zeros(len(sequence_queries), dtype=np.int64)
        lengths[sequence_of_item] = items.length
        place = np.arange(lengths.max())
        held = place < lengths[:, None]
        at = queries.token_offsets[sequence_queries][:, None] + np.where(held, place, 0)
        tokens = np.where(held, queries.token_ids[at], model.pad_token_id).astype(np.int64)
        self.tokens = torch.from_numpy(tokens).to(model.device)
        self.is_token = None if held.all() else torch.from_numpy(held).to(model.device)
        self.sequence = self._upload(sequence_of_item)
        self.position = self._upload(items.position)
        self.target = self._upload(items.target)
        self.start = ForwardCache(model, self.tokens, self.is_token, self.sequence, self.position)
        self.wide = torch.promote_types(model.dtype, torch.float32)
        self.clean = self.start.neurons.to(self.wide)
        self._draw_lines(queries)

    def run(self) -> None:
        """Every row of every layer, and F at both ends of the lines."""
        points, weights = quadrature_nodes(self.settings.quadrature, self.settings.steps)
        layers, lines = len(self.clean), len(self.line_item)
        shape = (layers, lines, self.clean.shape[-1])
        self.gradients = torch.zeros(shape, dtype=self.wide, device=self.model.device)
        self.baseline = torch.zeros((layers, lines), dtype=self.wide, device=self.model.device)
        hidden, targets = self.start.hidden, self.target
        self.clean_score = target_probabilities(self.model, hidden, targets)
        self._run_rows(np.zeros(1), np.zeros(1), self._add_ends)
        self._run_rows(points, weights, self._add_gradients)

    def sums(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Per item the scores ``[layers, items, units]``, F(b) ``[layers, items]`` as the mean over
        the item's lines, and the number of its lines ``[items]``."""
        scale = self.clean[:, self.line_item]
        if self.settings.mode != "amig_code" and self.baselines is not None:
            scale = scale - self.baselines
        scores, baseline = self.gradients * scale, self.baseline
        counts = torch.ones(len(self.target), dtype=self.wide, device=self.model.device)
        if self.settings.mode == "amig":
            of_item = self._members(self.line_item)
            counts = of_item.sum(1)
            scores, baseline = of_item @ scores, baseline @ of_item.t() / counts
        return scores, baseline, counts

    def _draw_lines(self, queries: Queries) -> None:
        """``line_item``, ``[lines]``, and ``baselines``, ``[layers, lines, units]`` or None: 0."""
        count = len(self.target)
        self.line_item = torch.arange(count, device=self.model.device)
        self.baselines: torch.Tensor | None = None
        if self.settings.mode == "zero":
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
            tokens[rows[: stop - start], swapped[part]] = _blank(self.model)
            is_token = None if self.is_token is None else self.is_token[sequence]
            position = self.position[line_item[part]]
            found[:, part] = neurons_at(self.model, tokens, is_token, position).to(self.wide)

        lengths = np.full(len(item), self.tokens.shape[1])
        batches = plan_batches(lengths, self.budget, 0.0)
        run_with_oom_retry(batches, lengths, run, self._release, "query")
        if self.settings.mode == "amig":
            self.line_item, self.baselines = line_item, found
            return
        of_item = self._members(line_item)
        self.baselines = (of_item / of_item.sum(1, keepdim=True)) @ found

    def _members(self, line_item: torch.Tensor) -> torch.Tensor:
        """``[items, lines]`` ones where a line is an item's.

        Products with it are sums in an order that a GPU keeps, unlike scattered additions.
        """
        return torch.nn.functional.one_hot(line_item, len(self.target)).t().to(self.wide)

    def _query_tokens(self, queries: Queries, item: int) -> Longs:
        """Positions of the tokens that are replaced in turn: the query's own.

        Left out are special tokens, the masks of the slot, and the object's tokens that a causal
        model is given.
        """
        query = self.items.query[item]
        tokens = queries.token_ids[queries.token_offsets[query] :][: queries.lengths[query]]
        first, last = queries.scored_offsets[[query, query + 1]]
        scored = queries.scored_positions[first:last]
        tokenizer = self.model.tokenizer
        # An unknown word is a token of the query's own, though tokenizers call it special.
        special = (
            tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id,
            tokenizer.bos_token_id, tokenizer.eos_token_id,
        )  # fmt: skip
        own = ~np.isin(tokens, [token for token in special if token is not None])
        if self.model.family.is_causal:
            own[scored[0] + 1 :] = False
        else:
            own[scored] = False
        # A causal model's prompt may be nothing but the start of a text.
        return np.flatnonzero(own) if own.any() else scored[:1].astype(np.int64)

    def _run_rows(
        self,
        points: npt.NDArray[np.float64],
        weights: npt.NDArray[np.float64],
        use: Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor], None],
    ) -> None:
        """Every (layer, line, point) in batches of one layer each.

        ``use`` gets the layer, each row's line, its weight and its point.
        """
        steps, layers = len(points), len(self.clean)
        per_layer = len(self.line_item) * steps
        length = self.tokens.shape[1]
        # In the last layer nothing but the position itself is left to run.
        of_layer = np.full(layers, 1 if self.model.family.is_causal else length)
        of_layer[-1] = 1
        lengths = np.repeat(of_layer, per_layer)
        point = torch.from_numpy(points).to(self.model.device, self.wide)
        weight = torch.from_numpy(weights).to(self.model.device, self.wide)

        def run(start: int, stop: int) -> None:
            layer = start // per_layer
            row = torch.arange(start, stop, device=self.model.device) - layer * per_layer
            step = row % steps
            use(layer, row // steps, weight[step], point[step])

        batches = [
            (layer * per_layer + start, layer * per_layer + stop)
            for layer in range(layers)
            for start, stop in plan_batches(np.full(per_layer, of_layer[layer]), self.budget, 0.0)
        ]
        run_with_oom_retry(batches, lengths, run, self._release, "row of a fact")

    def _neurons(self, layer: int, line: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
        """Where the rows stand on their lines: ``[rows, units]``."""
        clean = self.clean[layer, self.line_item[line]]
        if self.baselines is None:
            return point[:, None] * clean
        return torch.lerp(self.baselines[layer, line], clean, point[:, None])

    def _add_ends(
        self, layer: int, line: torch.Tensor, _: torch.Tensor, point: torch.Tensor
    ) -> None:
        with torch.no_grad():
            item = self.line_item[line]
            neurons = self._neurons(layer, line, point).to(self.model.dtype)
            hidden = self.start.resume(layer, item, neurons)
            targets = self.target[item]
            found = target_probabilities(self.model, hidden, targets)
        self.baseline[layer, line] = found

    def _add_gradients(
        self, layer: int, line: torch.Tensor, weight: torch.Tensor, point: torch.Tensor
    ) -> None:
        item = self.line_item[line]
        neurons = self._neurons(layer, line, point).requires_grad_()
        with torch.enable_grad():
            hidden = self.start.resume(layer, item, neurons.to(self.model.dtype))
        targets = self.target[item]
        slope = target_gradients(self.model, hidden, targets)
        (gradient,) = torch.autograd.grad([hidden], [neurons], [slope])
        first, last = int(line[0]), int(line[-1]) + 1
        of_line = torch.zeros((last - first, len(line)), dtype=self.wide, device=line.device)
        of_line[line - first, torch.arange(len(line), device=line.device)] = weight
        self.gradients[layer, first:last] += of_line @ gradient

    def _upload(self, values: npt.NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(values).to(self.model.device)

    def _release(self) -> None:
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.model.device.type == "mps":
            torch.mps.empty_cache()


def _blank(model: LoadedModel) -> int:
    """What stands for no token: the mask; the end of text, else its beginning, if causal."""
    tokenizer = model.tokenizer
    known = (model.mask_token_id, tokenizer.eos_token_id, model.start_token_id)
    found = next((token for token in known if token is not None), None)
    if found is None:
        raise ModelError("the tokenizer has no mask, end or start of text to replace tokens by")
    return int(found)
