"""PROBELESS: which neurons distinguish a fact from the other facts of its relation.

What belongs here: scores from recorded activations, active neurons and profiles, and the rows of
the lake tables ``active_neurons``, ``neuron_profiles`` and ``unscored_facts``. What does not:
recording activations (``models_gpu.engine.activations``), overlap between languages (SQL).
Definitions: docs/method.md#probeless.

The scores of all neurons are never in memory at once. Relations are recorded together while their
activations stay below ``_HELD_BYTES``; a larger relation goes to a temporary file. Scores are then
computed for one block of neurons after another. Only the running top and the sums over bins are
kept. A block needs about ``_BLOCK_BYTES`` on each core that scores a layer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from models_gpu.engine.activations import neurons_per_layer, record_activations
from models_gpu.engine.batching import core_pool
from models_gpu.errors import ModelError
from models_gpu.lake_rows import lake_rows
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import Progress, one_part
from models_gpu.prompting.build import build_queries, facts_among
from models_gpu.settings import ProbelessSettings

__all__ = ["GroupScores", "NeuronTables", "ProbelessSettings", "group_scores", "probeless"]


_HELD_BYTES = 1 << 30
_BLOCK_BYTES = 1 << 25
_BYTES_PER_SCORE = 96
"""Per score of the current block: a float64, its rank, its sort key, and their copies."""
_LOW_BITS = (1 << 32) - 1


@dataclass(frozen=True)
class NeuronTables:
    """Rows of three lake tables, without ``model_id`` and ``language_code``, sorted by key."""

    active_neurons: pl.DataFrame
    """One row per scored fact and rank: the neuron and its score."""
    neuron_profiles: pl.DataFrame
    """One row per scored fact, layer and bin: mean scores."""
    unscored_facts: pl.DataFrame
    """One row per matched fact without scores: the reason."""


@dataclass(frozen=True)
class GroupScores:
    """Best scores and profiles of one relation's facts; arrays on the host."""

    neurons: npt.NDArray[np.int64]
    """``[facts, top]`` layer · units + unit of the active neurons, best first."""
    scores: npt.NDArray[np.float32]
    """``[facts, top]`` their scores."""
    contiguous: npt.NDArray[np.float32]
    """``[facts, layers, bins]`` mean score of a bin of neighbouring neurons."""
    strided: npt.NDArray[np.float32]
    """``[facts, layers, bins]`` mean score of neurons j, j + bins, j + 2 · bins, …"""


def probeless(
    model: LoadedModel,
    facts: pl.DataFrame,
    matched: Collection[str],
    *,
    settings: Sequence[ProbelessSettings],
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> NeuronTables:
    """Compute active neurons and profiles of the matched facts of one language.

    The rows of a relation depend on its matched facts and on the relations that are recorded
    together with it, which also follow from the facts. With ``token_budget`` None they are the same
    in every run on one machine. Another budget changes the last digits of the activations, and so
    may swap neurons of nearly equal scores.

    Args:
        model: from ``models_gpu.loading.load``.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label``; facts that
            are not matched are ignored.
        matched: ids of facts that are full matches with as many masks as their object has tokens.
        settings: the variants, at least one. Variants over the same kind of neuron share the
            recorded activations.
        token_budget: most tokens of a forward pass; chosen for the device when None.
        progress: called with work done and work in all.

    Returns:
        Rows of the lake tables. For each variant every matched fact is either scored or in
        ``unscored_facts``.

    Raises:
        ModelError: no variant, a matched fact that is not in ``facts``, facts without valid queries
            (see ``build_queries``), more bins or active neurons than neurons, activations that are
            not numbers, a query that does not fit on the device.
    """
    if not settings:
        raise ModelError("no variant of PROBELESS is given; name at least one")
    queried = _with_query(model, facts_among(facts, matched))
    kinds = list(dict.fromkeys(variant.neuron for variant in settings))
    found = [
        _of_one_kind(
            model,
            queried,
            [variant for variant in settings if variant.neuron == neuron],
            token_budget,
            one_part(progress, place, 1, len(kinds)),
        )
        for place, neuron in enumerate(kinds)
    ]
    return NeuronTables(
        lake_rows("active_neurons", [tables.active_neurons for tables in found]),
        lake_rows("neuron_profiles", [tables.neuron_profiles for tables in found]),
        lake_rows("unscored_facts", [tables.unscored_facts for tables in found]),
    )


def _of_one_kind(
    model: LoadedModel,
    queried: pl.DataFrame,
    variants: Sequence[ProbelessSettings],
    token_budget: int | None,
    progress: Progress,
) -> NeuronTables:
    """Score variants over the same kind of neuron, all from the same activations."""
    neuron = variants[0].neuron
    layers, units = len(model.view.layers), neurons_per_layer(model.view, neuron)
    for variant in variants:
        _check(variant, layers, units)
    least = min(variants, key=lambda variant: variant.needed_queries)
    scored, _ = _scorable(queried, least)
    total = scored["query"].n_unique()
    done = 0
    active: list[pl.DataFrame] = []
    profiles: list[pl.DataFrame] = []
    for chunk in _chunks(scored, 4 * layers * units):
        queries = build_queries(model, chunk, "gold")
        report = one_part(progress, done, queries.count, total)
        with _store((layers, queries.count, units), model.device) as store:
            record_activations(
                model,
                queries,
                neuron=neuron,
                out=store,
                token_budget=token_budget,
                progress=report,
            )
            numbered = chunk.sort("fact_id").with_columns(query=pl.Series(queries.row_query))
            with core_pool(model.device) as pool:
                for group in numbered.partition_by("relation_id", maintain_order=True):
                    for variant in variants:
                        if group["query"].n_unique() < variant.needed_queries:
                            continue
                        scores = group_scores(store, group["query"].to_numpy(), variant, pool)
                        active.append(_active_rows(group["fact_id"], scores, units, variant))
                        profiles.append(_profile_rows(group["fact_id"], scores, variant))
        done += queries.count
    unscored = [
        _scorable(queried, variant)[1].with_columns(method_code=pl.lit(variant.method_code))
        for variant in variants
    ]
    return NeuronTables(
        lake_rows("active_neurons", active),
        lake_rows("neuron_profiles", profiles),
        lake_rows("unscored_facts", unscored),
    )


def group_scores(
    activations: torch.Tensor,
    rows: npt.NDArray[np.integer[Any]],
    settings: ProbelessSettings,
    pool: Executor | None = None,
) -> GroupScores:
    """Compute PROBELESS scores of the facts of one relation.

    score(f) of a neuron is the mean over g ≠ f of |x_f − x_g|. Sort the n values; let k be the rank
    of a value from 0, and prefix_k the sum of the k smaller values. Then the sum over all g is
    x_k · (2k − n) + total − 2 · prefix_k. This needs one sort per neuron instead of n² differences.
    Values are centred and summed in float64. Scores are then rounded to float32 and ranked; equal
    scores are ranked by layer, then by unit.

    Args:
        activations: ``[layers, queries, units]`` float32.
        rows: ``[facts]`` the query of each fact, at least two facts.
        settings: the variant.
        pool: from ``models_gpu.engine.batching.core_pool``; layers are then scored in parallel.

    Raises:
        ModelError: activations that are not numbers.
    """
    layers, _, units = activations.shape
    places = torch.from_numpy(rows.astype(np.int64)).to(activations.device)
    bins = _bins(units, settings.bins)
    sizes = torch.stack([torch.bincount(b, minlength=settings.bins) for b in bins])

    def score(layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        return _layer_scores(activations[layer], layer, places, bins, settings)

    found = list((map if pool is None else pool.map)(score, range(layers)))
    best = torch.cat([entries for entries, _ in found], 1).topk(settings.top, 1, sorted=True).values
    sums = torch.stack([totals for _, totals in found], dim=1)
    means = sums / sizes[:, None, :, None].to(sums.device)
    contiguous, strided = means.permute(0, 3, 1, 2).float().cpu().numpy()
    return GroupScores(
        neurons=(_LOW_BITS - (best & _LOW_BITS)).cpu().numpy(),
        scores=(best >> 32).to(torch.int32).view(torch.float32).cpu().numpy(),
        contiguous=contiguous,
        strided=strided,
    )


def _layer_scores(
    activations: torch.Tensor,
    layer: int,
    places: torch.Tensor,
    bins: torch.Tensor,
    settings: ProbelessSettings,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Score one layer ``[queries, units]``.

    Returns:
        The best entries ``[facts, top]`` (see ``_merge``), and the sums of scores over the two
        kinds of bin, ``[2, bins, facts]`` float64.
    """
    units, count = activations.shape[1], len(places)
    device = activations.device if activations.device.type == "cuda" else torch.device("cpu")
    slab = activations.index_select(0, places).to(device)
    if not bool(torch.isfinite(slab).all()):
        raise ModelError(
            f"activations of layer {layer} are not numbers: the model's weights are damaged, "
            "or too large for its arithmetic; use float32 or bfloat16"
        )
    best = torch.full((count, settings.top), -1, dtype=torch.int64, device=device)
    sums = torch.zeros((2, settings.bins, count), dtype=torch.float64, device=device)
    width = _block_width(count, units)
    for start in range(0, units, width):
        stop = min(start + width, units)
        values = slab[:, start:stop].t().contiguous()
        scores = _mean_differences(values, settings.is_normalised)
        for kind in range(2):
            # A product instead of scatter_add, whose order of additions varies on a GPU.
            members = torch.nn.functional.one_hot(bins[kind][start:stop], settings.bins)
            sums[kind] += members.t().double().to(device) @ scores
        neurons = torch.arange(layer * units + start, layer * units + stop, device=device)
        best = _merge(best, scores.t().float().contiguous(), neurons)
    return best, sums


def _mean_differences(values: torch.Tensor, is_normalised: bool) -> torch.Tensor:
    """Compute each value's mean distance to the others of its row: ``[units, facts]`` float64."""
    count = values.shape[1]
    raw, order = values.sort(dim=1, stable=True)
    ordered = raw.double()
    ordered -= ordered.mean(1, keepdim=True)
    before = ordered.cumsum(1) - ordered
    rank = torch.arange(count, dtype=torch.float64, device=values.device)
    # Rounding leaves a small total after centring, so it stays in the formula.
    total = ordered.sum(1, keepdim=True)
    sums = ordered * (2 * rank - count) + total - 2 * before
    scores = torch.empty_like(sums).scatter_(1, order, sums.clamp_(min=0)) / (count - 1)
    if is_normalised:
        spread = ordered.square().mean(1, keepdim=True).sqrt()
        scores = torch.where(spread > 0, scores / spread, 0.0)
    return scores


def _merge(best: torch.Tensor, scores: torch.Tensor, neurons: torch.Tensor) -> torch.Tensor:
    """Merge the best entries ``[facts, top]`` with the scores ``[facts, units]`` of a block.

    An entry is an int64 that sorts by score, then by smaller neuron. The high half holds the bits
    of the float32 score, which sort like the score because it is not negative. −1 is the smallest
    entry.
    """
    # Adding zero turns -0.0 into 0.0, whose bits sort correctly.
    bits = (scores + 0.0).view(torch.int32).to(torch.int64)
    entries = torch.cat([best, (bits << 32) | (_LOW_BITS - neurons)], dim=1)
    return entries.topk(best.shape[1], dim=1, sorted=True).values


def _bins(units: int, bins: int) -> torch.Tensor:
    """Assign a bin to each unit, ``[2, units]``: contiguous (equal sizes, or one more), strided."""
    unit = torch.arange(units)
    return torch.stack([unit * bins // units, unit % bins])


def _block_width(facts: int, units: int) -> int:
    return max(1, min(units, _BLOCK_BYTES // (_BYTES_PER_SCORE * facts)))


def _check(settings: ProbelessSettings, layers: int, units: int) -> None:
    if settings.neuron not in ("ffn", "layer_output"):
        raise ModelError(f"neuron is '{settings.neuron}'; it can be 'ffn' or 'layer_output'")
    if not 1 <= settings.top <= layers * units:
        raise ModelError(f"top is {settings.top}; the model has 1 to {layers * units} neurons")
    if not 1 <= settings.bins <= units:
        raise ModelError(f"bins is {settings.bins}; a layer has 1 to {units} neurons")


def _with_query(model: LoadedModel, facts: pl.DataFrame) -> pl.DataFrame:
    """Add to each fact the number of its query; facts may share a query. Sorted by id."""
    queries = build_queries(model, facts, "gold")
    return facts.sort("fact_id").with_columns(query=pl.Series(queries.row_query))


def _scorable(
    queried: pl.DataFrame, settings: ProbelessSettings
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split facts: those of relations whose neurons can differ; the others, with a reason."""
    group = queried.with_columns(
        facts=pl.len().over("relation_id"), queries=pl.col("query").n_unique().over("relation_id")
    )
    has_contrast = pl.col("queries") >= settings.needed_queries
    unscored = group.filter(~has_contrast).select(
        "fact_id",
        reason_code=pl.when(pl.col("facts") == 1)
        .then(pl.lit("only_fact"))
        .otherwise(pl.lit("no_contrast")),
    )
    return group.filter(has_contrast).sort("relation_id", "fact_id"), unscored


def _chunks(scored: pl.DataFrame, bytes_per_query: int) -> Iterator[pl.DataFrame]:
    """Yield groups of whole relations whose activations fit into ``_HELD_BYTES``."""
    chunk: list[pl.DataFrame] = []
    held = 0
    for group in scored.partition_by("relation_id", maintain_order=True):
        size = group["query"].n_unique() * bytes_per_query
        if chunk and held + size > _HELD_BYTES:
            yield pl.concat(chunk)
            chunk, held = [], 0
        chunk.append(group)
        held += size
    if chunk:
        yield pl.concat(chunk)


@contextmanager
def _store(shape: tuple[int, int, int], device: torch.device) -> Iterator[torch.Tensor]:
    """Allocate activations on the device, or in a temporary file above ``_HELD_BYTES``."""
    if 4 * int(np.prod(shape)) <= _HELD_BYTES:
        yield torch.empty(shape, dtype=torch.float32, device=device)
        return
    with tempfile.TemporaryFile() as file:
        yield torch.from_numpy(np.memmap(file, dtype=np.float32, shape=shape))


def _active_rows(
    fact_ids: pl.Series, found: GroupScores, units: int, variant: ProbelessSettings
) -> pl.DataFrame:
    facts, top = found.neurons.shape
    return pl.DataFrame(
        {
            "fact_id": fact_ids.gather(np.repeat(np.arange(facts), top)),
            "method_code": variant.method_code,
            "neuron_rank": np.tile(np.arange(1, top + 1, dtype=np.int32), facts),
            "layer_index": (found.neurons // units).astype(np.int32).reshape(-1),
            "neuron_index": (found.neurons % units).astype(np.int32).reshape(-1),
            "neuron_score": found.scores.reshape(-1),
        }
    )


def _profile_rows(
    fact_ids: pl.Series, found: GroupScores, variant: ProbelessSettings
) -> pl.DataFrame:
    facts, layers, bins = found.contiguous.shape
    return pl.DataFrame(
        {
            "fact_id": fact_ids.gather(np.repeat(np.arange(facts), layers * bins)),
            "method_code": variant.method_code,
            "layer_index": np.tile(np.repeat(np.arange(layers, dtype=np.int32), bins), facts),
            "bin_index": np.tile(np.arange(bins, dtype=np.int32), facts * layers),
            "contiguous_score": found.contiguous.reshape(-1),
            "strided_score": found.strided.reshape(-1),
        }
    )
