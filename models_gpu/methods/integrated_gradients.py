"""Integrated gradients: how much each neuron contributes to the prediction of a fact.

What belongs here: which facts are computed together, and the sums over the tokens of an object.
What does not: the integral of one token (``models_gpu.methods.attribution_rows``), rows of the lake
(``models_gpu.methods.knowledge_neurons``), thresholds (SQL). Definitions:
docs/method.md#integrated-gradients.

For a token y that is predicted at position p, F(w) = P(y | query, neurons of layer l at p := w).
Only these neurons at this position change. The attribution of neuron i of layer l is the integral
of (w̄_i − b_i) · ∂F/∂w_i along the straight line from a baseline b to the clean activations w̄.

An object of several tokens has one F per token, each at its own position: in a masked model at its
mask, with all masks in the query; in a causal model at the position before it, after the gold
tokens (teacher forcing). Attributions and probabilities are summed over these positions. The
targets are the tokens of the object, never special tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import numpy as np
import torch

from models_gpu.engine.activations import neurons_per_layer
from models_gpu.engine.batching import core_pool, plan_batches
from models_gpu.engine.devices import device_plan
from models_gpu.engine.patched_forward import EditedForward, editable
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.attribution_rows import ItemGroup, Items, scored_items
from models_gpu.methods.integration_paths import quadrature_nodes
from models_gpu.progress import Progress, one_part
from models_gpu.prompting.queries import Queries
from models_gpu.ragged import Longs
from models_gpu.settings import Mode, PathSettings

__all__ = ["Attributions", "attribute"]

Result = TypeVar("Result")

_HELD_BYTES = 1 << 28


@dataclass(frozen=True)
class Attributions:
    """Attributions of the neurons of all layers for some facts, summed over the object's tokens.

    Completeness: the scores of a layer add up to ``baseline_counts · (clean − baseline)``, up to
    the error of the quadrature. In mode 'amig_code' they do not.
    """

    facts: Longs
    """``[facts]`` indices into ``Queries.fact_ids``."""
    scores: torch.Tensor
    """``[layers, facts, units]`` on the model's device, signed."""
    clean: torch.Tensor
    """``[facts]`` sum over the object's tokens of F(w̄), the probability in the unedited model."""
    baseline: torch.Tensor
    """``[layers, facts]`` sum over the object's tokens of F(b), averaged over baselines."""
    baseline_counts: torch.Tensor
    """``[facts]`` lines per token: 1, or in mode 'amig' the number of replaced tokens."""


def attribute(
    model: LoadedModel,
    queries: Queries,
    settings: PathSettings,
    *,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Attributions]:
    """Compute attributions of all facts of some queries, a few hundred facts at a time.

    On a CPU batches run in parallel, on as many cores as torch may use; their number changes no bit
    of the results. Another ``token_budget``, or a batch that is halved for lack of memory, changes
    float32 scores by rounding: in tests by less than 1e-5 of a fact's largest score.

    Args:
        model: from ``models_gpu.loading.load``.
        queries: from ``build_queries`` with 'gold', as many masks as the object has tokens.
        settings: the integral.
        token_budget: most tokens of a batch of rows; chosen for the device when None.
        progress: called with work done and work in all.

    Yields:
        Attributions of the next facts, in the order of their queries; every fact once.

    Raises:
        ModelError: a query with another number of masks than the object has tokens, an unknown mode
            or quadrature, a row that does not fit on the device alone, scores that are not numbers.
    """
    modes = get_args(Mode)
    if settings.mode not in modes:
        raise ModelError(f"mode is '{settings.mode}'; it can be {', '.join(map(repr, modes))}")
    quadrature_nodes(settings.quadrature, settings.first_steps)
    budget = token_budget or device_plan(model.device).kept_token_budget
    layers, units = len(model.view.layers), neurons_per_layer(model.view, "ffn")
    order = np.argsort(queries.row_query, kind="stable")
    at_once = max(1, _HELD_BYTES // (4 * layers * units))
    for start in range(0, len(order), at_once):
        chosen = order[start : start + at_once]
        report = one_part(progress, start, len(chosen), len(order))
        with editable(model.view) as runner, core_pool(model.device) as pool:
            found = _attribute_rows(model, runner, pool, queries, chosen, settings, budget, report)
        yield found


def _attribute_rows(
    model: LoadedModel,
    runner: EditedForward,
    pool: Executor | None,
    queries: Queries,
    rows: Longs,
    settings: PathSettings,
    budget: int,
    progress: Progress,
) -> Attributions:
    items = scored_items(queries, rows, is_causal=model.family.is_causal)
    layers, units = len(model.view.layers), neurons_per_layer(model.view, "ffn")
    wide = torch.promote_types(model.dtype, torch.float32)
    found = Attributions(
        facts=queries.row_fact[rows].astype(np.int64),
        scores=torch.zeros((layers, len(rows), units), dtype=wide, device=model.device),
        clean=torch.zeros(len(rows), dtype=wide, device=model.device),
        baseline=torch.zeros((layers, len(rows)), dtype=wide, device=model.device),
        baseline_counts=torch.ones(len(rows), dtype=wide, device=model.device),
    )
    # A sequence is what one clean pass runs. Items of one query share a sequence; in a causal model
    # only items that need the same number of its tokens do.
    keys = np.stack([-items.length, items.query], axis=1)
    sequences, sequence_of_item = np.unique(keys, axis=0, return_inverse=True)
    sequence_of_item = sequence_of_item.reshape(-1)
    lengths = -sequences[:, 0]
    bytes_per_token = 4 * layers * 4 * units
    share = device_plan(model.device).padding_share
    for start, stop in plan_batches(lengths, max(1, _HELD_BYTES // bytes_per_token), share):
        chosen = np.flatnonzero((sequence_of_item >= start) & (sequence_of_item < stop))
        group = _on_one_core(
            pool,
            ItemGroup,
            model,
            runner,
            queries,
            items.part(chosen),
            sequences[start:stop, 1],
            sequence_of_item[chosen] - start,
            settings,
            budget,
            one_part(progress, start, stop - start, len(lengths)),
        )
        group.run(pool)
        _on_one_core(pool, _add, found, group, items.part(chosen))
    if not bool(torch.isfinite(found.scores).all()):
        raise ModelError(
            "attributions are not numbers: the model's weights are damaged, or too large for its "
            "arithmetic; use float32 or bfloat16"
        )
    return found


def _on_one_core(pool: Executor | None, call: Callable[..., Result], *arguments: Any) -> Result:
    """Call it in a thread of the pool, so that the number of cores changes no rounding."""
    return call(*arguments) if pool is None else pool.submit(call, *arguments).result()


def _add(found: Attributions, group: ItemGroup, items: Items) -> None:
    """Add the sums of a group's items to the sums of their facts."""
    scores, baseline, counts = group.sums()
    # One token per fact at a time, so that the order of additions is fixed, also on a GPU.
    for ordinal in range(int(items.ordinal.max()) + 1):
        places = np.flatnonzero(items.ordinal == ordinal)
        item = torch.from_numpy(places).to(scores.device)
        fact = torch.from_numpy(items.row[places]).to(scores.device)
        found.scores[:, fact] += scores[:, item]
        found.clean[fact] += group.clean_score[item]
        found.baseline[:, fact] += baseline[:, item]
        found.baseline_counts[fact] = counts[item]
