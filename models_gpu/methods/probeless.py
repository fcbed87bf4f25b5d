"""PROBELESS: which neurons stand out for a fact among the facts of its relation (docs/method.md#probeless).

What belongs here: scores from captured activations, the active neurons and profiles made of them,
as rows of the lake tables ``active_neurons``, ``neuron_profiles`` and ``unscored_facts``. What does
not: capturing (``models_gpu.engine.activations``), overlap between languages (SQL).

Scores are never held whole. Relations are captured together as long as their activations stay
below ``_HELD_BYTES``; a relation above that is kept in a temporary file. Scores are then computed
for one block of neurons after another, of which a running top and the sums over bins remain: the
block's arrays need about ``_BLOCK_BYTES``, on each core that scores a layer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from models_gpu.engine.activations import NeuronKind, neurons_per_layer, record_activations
from models_gpu.engine.batching import core_pool
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.prompting.queries import build_queries, facts_among

__all__ = ["GroupScores", "NeuronTables", "ProbelessSettings", "group_scores", "probeless"]

Progress = Callable[[int, int], None]

_HELD_BYTES = 1 << 30
_BLOCK_BYTES = 1 << 25
_BYTES_PER_SCORE = 96
"""A score's float64, its rank, its sort key and their copies, while a block is worked on."""
_LOW_BITS = (1 << 32) - 1

_ACTIVE = pl.Schema(
    {
        "fact_id": pl.String,
        "method_code": pl.String,
        "neuron_rank": pl.Int32,
        "layer_index": pl.Int32,
        "neuron_index": pl.Int32,
        "neuron_score": pl.Float32,
    }
)
_PROFILE = pl.Schema(
    {
        "fact_id": pl.String,
        "method_code": pl.String,
        "layer_index": pl.Int32,
        "bin_index": pl.Int32,
        "contiguous_score": pl.Float32,
        "strided_score": pl.Float32,
    }
)
_UNSCORED = pl.Schema(
    {
        "fact_id": pl.String,
        "method_code": pl.String,
        "reason_code": pl.String,
    }
)


@dataclass(frozen=True)
class ProbelessSettings:
    """What is scored, and how much of it is kept."""

    top: int = 50
    """Active neurons per fact."""
    neuron: NeuronKind = "ffn"
    """'ffn', inputs of the down projections, or 'layer_output', the residual stream."""
    is_normalised: bool = False
    """Whether each neuron is divided by its standard deviation over the relation's facts, so that
    neurons which vary much for every fact do not come first for every fact."""
    bins: int = 16
    """Bins per layer of the profiles."""

    @property
    def method_code(self) -> str:
        """Name of the variant in the lake."""
        code = "probeless" if self.neuron == "ffn" else "probeless-layer"
        return f"{code}-normalised" if self.is_normalised else code

    @property
    def needed_queries(self) -> int:
        """Different queries that a relation needs before its neurons can differ in score.

        Of two normalised values one is always as far from the other as in any other neuron.
        """
        return 3 if self.is_normalised else 2


@dataclass(frozen=True)
class NeuronTables:
    """Rows of three lake tables, without ``model_id`` and ``language_code``, sorted by key."""

    active_neurons: pl.DataFrame
    """Per scored fact and rank: the neuron and its score."""
    neuron_profiles: pl.DataFrame
    """Per scored fact, layer and bin: mean scores."""
    unscored_facts: pl.DataFrame
    """Per matched fact without scores: why."""


@dataclass(frozen=True)
class GroupScores:
    """What is kept of the scores of one relation's facts; arrays on the host."""

    neurons: npt.NDArray[np.int64]
    """``[facts, top]`` layer · units + unit of the active neurons, best first."""
    scores: npt.NDArray[np.float32]
    """``[facts, top]`` their scores."""
    contiguous: npt.NDArray[np.float32]
    """``[facts, layers, bins]`` mean score of neighbouring neurons."""
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
    """Active neurons and profiles of the matched facts of one language (docs/method.md#probeless).

    A relation's rows depend on its own matched facts, and on which relations it is captured with,
    which follows from the facts as well. With ``token_budget`` None they are the same in every run
    on a machine; another budget moves activations, and so scores, in the last digits, and swaps
    neurons whose scores are that close.

    Args:
        model: from ``models_gpu.loading.load``.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label``; facts that
            are not matched are left out and may be there or not.
        matched: facts that are full matches with as many masks as their object has tokens.
        settings: the variants, at least one; those over the same kind of neuron share one capture.
        token_budget: most tokens of a forward pass; None, the default of the device.
        progress: called with queries done and queries in all.

    Returns:
        Rows of the lake tables. Every matched fact is, for each variant, either scored or in
        ``unscored_facts``.

    Raises:
        ModelError: no variant, a matched fact that is not in ``facts``, facts that cannot be asked
            (see ``build_queries``), more bins or active neurons than there are units, activations
            that are not numbers, a query that does not fit the device.
    """
    if not settings:
        raise ModelError("no variant is asked for; name at least one")
    asked = _with_query(model, facts_among(facts, matched))
    kinds = list(dict.fromkeys(variant.neuron for variant in settings))
    found = [
        _of_one_kind(
            model,
            asked,
            [variant for variant in settings if variant.neuron == neuron],
            token_budget,
            None if progress is None else _part_of(progress, place, len(kinds)),
        )
        for place, neuron in enumerate(kinds)
    ]
    return NeuronTables(
        _table([tables.active_neurons for tables in found], _ACTIVE),
        _table([tables.neuron_profiles for tables in found], _PROFILE),
        _table([tables.unscored_facts for tables in found], _UNSCORED),
    )


def _of_one_kind(
    model: LoadedModel,
    asked: pl.DataFrame,
    variants: Sequence[ProbelessSettings],
    token_budget: int | None,
    progress: Progress | None,
) -> NeuronTables:
    """Variants over the same kind of neuron, all from one capture."""
    neuron = variants[0].neuron
    layers, units = len(model.view.layers), neurons_per_layer(model.view, neuron)
    for variant in variants:
        _check(variant, layers, units)
    least = min(variants, key=lambda variant: variant.needed_queries)
    scored, _ = _scorable(asked, least)
    total = scored["query"].n_unique()
    done = 0
    active: list[pl.DataFrame] = []
    profiles: list[pl.DataFrame] = []
    for chunk in _chunks(scored, 4 * layers * units):
        queries = build_queries(model, chunk, "gold")
        report = None if progress is None else _shifted(progress, done, total)
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
        _scorable(asked, variant)[1].with_columns(method_code=pl.lit(variant.method_code))
        for variant in variants
    ]
    return NeuronTables(
        _table(active, _ACTIVE), _table(profiles, _PROFILE), _table(unscored, _UNSCORED)
    )


def group_scores(
    activations: torch.Tensor,
    rows: npt.NDArray[np.integer[Any]],
    settings: ProbelessSettings,
    pool: Executor | None = None,
) -> GroupScores:
    """PROBELESS over the facts of one relation.

    score(f) of a neuron is the mean over g ≠ f of |x_f − x_g|. With the n values sorted, k their
    rank from 0 and prefix_k the sum of the k smaller ones, the sum over all g is
    x_k · (2k − n) + total − 2 · prefix_k: one sort per neuron in place of n² differences. Values
    are centred, and sums are taken, in float64; scores are rounded to float32 once, and these
    decide the order, equal ones by layer, then unit.

    Args:
        activations: ``[layers, queries, units]`` float32.
        rows: ``[facts]`` the query of each fact, at least two facts.
        settings: the variant.
        pool: from ``models_gpu.engine.batching.core_pool``; layers are then scored side by side.

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
    """Of one layer ``[queries, units]``: the best entries ``[facts, top]`` (see ``_merge``), and
    the sums of scores over the two kinds of bin, ``[2, bins, facts]`` float64."""
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
            # A product instead of scattered additions, whose order a GPU does not keep.
            members = torch.nn.functional.one_hot(bins[kind][start:stop], settings.bins)
            sums[kind] += members.t().double().to(device) @ scores
        neurons = torch.arange(layer * units + start, layer * units + stop, device=device)
        best = _merge(best, scores.t().float().contiguous(), neurons)
    return best, sums


def _mean_differences(values: torch.Tensor, is_normalised: bool) -> torch.Tensor:
    """Mean distance of each value to the others of its row: ``[units, facts]``, float64 out."""
    count = values.shape[1]
    raw, order = values.sort(dim=1, stable=True)
    ordered = raw.double()
    ordered -= ordered.mean(1, keepdim=True)
    before = ordered.cumsum(1) - ordered
    rank = torch.arange(count, dtype=torch.float64, device=values.device)
    # The values are centred, but not to the last bit: their total stays in the formula.
    total = ordered.sum(1, keepdim=True)
    sums = ordered * (2 * rank - count) + total - 2 * before
    scores = torch.empty_like(sums).scatter_(1, order, sums.clamp_(min=0)) / (count - 1)
    if is_normalised:
        spread = ordered.square().mean(1, keepdim=True).sqrt()
        scores = torch.where(spread > 0, scores / spread, 0.0)
    return scores


def _merge(best: torch.Tensor, scores: torch.Tensor, neurons: torch.Tensor) -> torch.Tensor:
    """The best ``[facts, top]`` so far and a block's ``[facts, units]`` scores, merged.

    Entries are int64 that sort as (score, then smaller neuron): the bits of a float32 that is not
    negative are in its order. −1 is below all of them.
    """
    # Adding zero turns -0.0 into 0.0, whose bits are in order.
    bits = (scores + 0.0).view(torch.int32).to(torch.int64)
    entries = torch.cat([best, (bits << 32) | (_LOW_BITS - neurons)], dim=1)
    return entries.topk(best.shape[1], dim=1, sorted=True).values


def _bins(units: int, bins: int) -> torch.Tensor:
    """``[2, units]`` bin of each unit: contiguous (sizes differ by at most one), strided."""
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
    """Facts by id, with the number of the query that each asks; facts may share one."""
    queries = build_queries(model, facts, "gold")
    return facts.sort("fact_id").with_columns(query=pl.Series(queries.row_query))


def _scorable(
    asked: pl.DataFrame, settings: ProbelessSettings
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Facts of relations in which neurons can differ; and the others, with a reason."""
    group = asked.with_columns(
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
    """Whole relations, in order, as long as their queries fit into the bytes that are held."""
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
    """Room for activations: on the device, or in a temporary file where they are too many."""
    if 4 * int(np.prod(shape)) <= _HELD_BYTES:
        yield torch.empty(shape, dtype=torch.float32, device=device)
        return
    with tempfile.TemporaryFile() as file:
        yield torch.from_numpy(np.memmap(file, dtype=np.float32, shape=shape))


def _shifted(progress: Progress, before: int, total: int) -> Progress:
    def report(done: int, _: int) -> None:
        progress(before + done, total)

    return report


def _part_of(progress: Progress, place: int, count: int) -> Progress:
    """Progress over ``count`` captures of the same queries, of which this is number ``place``."""

    def report(done: int, total: int) -> None:
        progress(place * total + done, count * total)

    return report


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


def _table(frames: list[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    """One table, sorted by key; empty, but typed, without frames."""
    if not frames:
        return pl.DataFrame(schema=schema)
    # Within a fact and variant the rows are in order already, and the sort keeps that.
    table = pl.concat(frames).select(schema.names()).cast(schema)
    return table.sort("fact_id", "method_code", maintain_order=True)
