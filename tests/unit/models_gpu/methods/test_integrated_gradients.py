"""Packed rows from cached states equal the formulas, one full forward pass at a time."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from models_gpu.engine.devices import DEVICE_PLANS
from models_gpu.engine.forward_cache import ForwardCache
from models_gpu.errors import ModelError
from models_gpu.loading.families import ModelView, architecture
from models_gpu.loading.load import LoadedModel, wrap
from models_gpu.methods import attribution_rows, integrated_gradients
from models_gpu.methods.integrated_gradients import Attributions, attribute
from models_gpu.methods.integration_paths import PathSettings, quadrature_nodes
from models_gpu.methods.knowledge_neurons import knowledge_neurons
from models_gpu.progress import forward_work
from models_gpu.prompting.build import build_queries
from models_gpu.prompting.queries import Queries
from tests.helpers.plain_attribution import Plain, plain_attribution
from tests.helpers.tiny_models import (
    CAUSAL,
    FAMILIES,
    facts,
    hugging_face_model,
    loaded,
    many_facts,
    tokenizer_of,
)

CAPITAL = "[X] is in [Y]"
FEW = facts(
    ("a", "P36", CAPITAL, "Oslo", "Lima"),
    ("b", "P36", CAPITAL, "Oslo", "Paris"),
    ("c", "P19", "[Y] was [X]", "Roma", "Lima Oslo"),
    ("d", "P36", CAPITAL, "Paris and Bern", "Roma"),
)
"""Two facts of one query, one of several tokens, two lengths."""
MODES = ("zero", "amig", "amig_mean", "amig_code")
NORMED = tuple(name for name in FAMILIES if architecture(name).branch_norm)
"""Families with a norm behind the down projection."""


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return loaded("bert")


def whole(
    model: LoadedModel, table: pl.DataFrame, settings: PathSettings, **options: Any
) -> Attributions:
    """Attributions of all facts as one, in the order of their ids."""
    parts = list(attribute(model, build_queries(model, table, "gold"), settings, **options))
    order = np.argsort(np.concatenate([part.facts for part in parts]))
    return Attributions(
        np.arange(len(order)),
        torch.cat([part.scores for part in parts], 1)[:, order],
        torch.cat([part.clean for part in parts])[order],
        torch.cat([part.baseline for part in parts], 1)[:, order],
        torch.cat([part.baseline_counts for part in parts])[order],
    )


def precise(family: str) -> LoadedModel:
    """In float64, where all that differs is a mistake."""
    model = loaded(family)
    view = ModelView(model.view.model.double(), model.family)
    return replace(model, view=view, dtype=torch.float64)


def assert_close(found: Attributions, expected: Attributions, share: float = 1e-5) -> None:
    largest = expected.scores.abs().amax((0, 2), keepdim=True)
    assert float(((found.scores - expected.scores).abs() / largest).max()) <= share
    torch.testing.assert_close(found.clean, expected.clean, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(found.baseline, expected.baseline, rtol=1e-5, atol=1e-7)
    assert torch.equal(found.baseline_counts, expected.baseline_counts)


def own_tokens(model: LoadedModel, queries: Queries, query: int) -> tuple[list[int], list[int]]:
    """A query's tokens, and the positions of those that are neither special nor the object's."""
    tokens = queries.token_ids[queries.token_offsets[query] :][: queries.lengths[query]].tolist()
    special = {model.tokenizer.cls_token_id, model.tokenizer.sep_token_id}
    special |= {model.tokenizer.bos_token_id, model.tokenizer.eos_token_id, model.mask_token_id}
    first_scored = queries.scored_positions[queries.scored_offsets[query]]
    end = first_scored + 1 if model.family.is_causal else len(tokens)
    own = [place for place in range(end) if tokens[place] not in special]
    return tokens, own or [int(first_scored)]


@pytest.mark.parametrize(
    ("family", "mode"),
    [
        # The points of a line from zero through a norm are elsewhere: they have their own test.
        *((family, "zero") for family in FAMILIES if family not in NORMED),
        *((family, "zero_norm_held") for family in NORMED),
        *((family, mode) for family in ("bert", "gpt2") for mode in MODES[1:]),
    ],
)
def test_attributions_are_those_of_the_formulas_in_full_forward_passes(
    family: str, mode: str
) -> None:
    model = precise(family)
    settings = PathSettings(mode, 2, "left")  # type: ignore[arg-type]
    found = whole(model, FEW, settings)
    queries = build_queries(model, FEW, "gold")
    # Gemma's and OLMo's norms are computed in float32, whatever the model's arithmetic.
    tolerance = 1e-5 if family in NORMED or family == "gemma" else 1e-9
    assert found.scores.abs().amax((0, 2)).median() > 100 * tolerance
    blank = model.tokenizer.eos_token_id if family in CAUSAL else model.mask_token_id
    for row, fact in enumerate(queries.row_fact.tolist()):
        query = int(queries.row_query[row])
        tokens, replaced = own_tokens(model, queries, query)
        positions = queries.scored_positions[queries.scored_offsets[query] :][
            : queries.scored_counts[query]
        ]
        golds = queries.gold_ids[queries.gold_offsets[fact] :][: len(positions)]
        for layer in range(2):
            parts: list[Plain] = [
                plain_attribution(
                    model, tokens, int(p), int(y), layer, mode, [0, 0.5], [0.5, 0.5],
                    replaced if mode.startswith("amig") else (), blank,
                )
                for p, y in zip(positions, golds, strict=True)
            ]  # fmt: skip
            expected = torch.stack([part.scores for part in parts]).sum(0)
            ours = found.scores[layer, fact]
            torch.testing.assert_close(ours, expected, rtol=tolerance, atol=tolerance)
            assert float(found.clean[fact]) == pytest.approx(sum(p.clean for p in parts), 1e-4)
            baseline = sum(p.baseline for p in parts)
            assert float(found.baseline[layer, fact]) == pytest.approx(baseline, 1e-4)
        lines = len(replaced) if mode == "amig" else 1
        assert int(found.baseline_counts[fact]) == lines


@pytest.mark.parametrize("family", NORMED)
def test_integrals_from_zero_through_a_norm_are_those_of_many_points_near_zero(family: str) -> None:
    """The reference has no substitution: 12 Gauss points in each of 24 parts of the line."""
    model = precise(family)
    found = whole(model, FEW, PathSettings("zero", 10))
    nodes, weights = quadrature_nodes("gauss", 12)
    borders = [0.0, *np.geomspace(1e-7, 1, 24)]
    points = [a + (b - a) * t for a, b in itertools.pairwise(borders) for t in nodes]
    shares = [(b - a) * w for a, b in itertools.pairwise(borders) for w in weights]
    queries = build_queries(model, FEW[:1], "gold")
    tokens, _ = own_tokens(model, queries, 0)
    position, gold = int(queries.scored_positions[0]), int(queries.gold_ids[0])
    assert queries.scored_counts[0] == 1
    for layer in range(2):
        plain = plain_attribution(model, tokens, position, gold, layer, "zero", points, shares)
        ours = found.scores[layer, 0]
        assert plain.scores.abs().max() > 1e-3
        assert float(plain.scores.sum()) == pytest.approx(plain.clean - plain.baseline, abs=1e-5)
        assert float(ours.sum()) == pytest.approx(plain.clean - plain.baseline, abs=1e-4)
        torch.testing.assert_close(ours, plain.scores, rtol=1e-3, atol=1e-5)


def test_a_norm_that_is_held_changes_nothing_where_there_is_none(model: LoadedModel) -> None:
    usual, held = (whole(model, FEW, PathSettings(mode, 3)) for mode in ("zero", "zero_norm_held"))
    assert torch.equal(usual.scores, held.scores)


def test_every_norm_behind_a_down_projection_says_by_what_it_divides() -> None:
    assert NORMED == ("gemma2", "gemma3_text", "olmo2", "olmo3")
    for name in FAMILIES:
        family = architecture(name)
        assert (family.branch_norm is None) == (family.branch_norm_epsilon is None), name
        if family.branch_norm:
            view = loaded(name).view
            # OLMo's norms have another name for the same number.
            divisors = [
                getattr(norm, "eps", None) or norm.variance_epsilon for norm in view.branch_norms
            ]
            assert divisors == [view.branch_epsilon] * len(divisors)
            assert all(down.bias is None for down in view.down_projections)


def test_points_are_added_where_scores_do_not_add_up() -> None:
    model = precise("gpt2")

    def residuals(settings: PathSettings) -> torch.Tensor:
        found = whole(model, FEW, settings)
        return (found.scores.sum(-1) - (found.clean - found.baseline)).abs()

    coarse, exact = residuals(PathSettings("zero", 1)), residuals(PathSettings("zero", 64))
    tolerance = float(coarse.median())
    mixed = residuals(PathSettings("zero", 1, tolerance=tolerance))
    # A fact of one token whose residual is small enough keeps its one point.
    assert (mixed <= coarse + 1e-12).all()
    assert (mixed == coarse).any()
    tokens = np.diff(build_queries(model, FEW, "gold").gold_offsets)
    assert (mixed <= tolerance * torch.from_numpy(tokens) + 1e-12).all()
    assert exact.max() < tolerance
    assert torch.equal(residuals(PathSettings("zero", 1, tolerance=0, most_steps=1)), coarse)
    assert residuals(PathSettings("zero", 1, tolerance=0, most_steps=64)).max() < 1e-6


def test_by_default_lines_begin_with_4_points_and_are_doubled_to_a_residual() -> None:
    model, wanted = precise("gpt2"), PathSettings().largest_residual
    assert wanted == 0.0003
    for down in model.view.down_projections:
        down.weight *= 40
    few, chosen = (whole(model, FEW, PathSettings(steps=n)) for n in (4, None))
    tokens = torch.from_numpy(np.diff(build_queries(model, FEW, "gold").gold_offsets))
    residuals = [
        (found.scores.sum(-1) - (found.clean - found.baseline)).abs() for found in (few, chosen)
    ]
    is_easy = residuals[0] <= wanted
    assert 0 < int(is_easy.sum()) < is_easy.numel()
    assert (residuals[1] <= wanted * tokens).all()
    assert torch.equal(
        chosen.scores[:, tokens == 1][is_easy[:, tokens == 1]],
        few.scores[:, tokens == 1][is_easy[:, tokens == 1]],
    )


def test_points_cannot_bring_back_what_the_models_arithmetic_rounds_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = loaded("bert")
    half = replace(
        model, view=ModelView(model.view.model.bfloat16(), model.family), dtype=torch.bfloat16
    )
    real, rows = attribution_rows.target_gradients, []

    def counted(model: LoadedModel, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        rows.append(len(hidden))
        return real(model, hidden, targets)

    monkeypatch.setattr(attribution_rows, "target_gradients", counted)
    found = whole(half, FEW, PathSettings("zero", 4, tolerance=1e-9))
    residual = (found.scores.sum(-1) - (found.clean - found.baseline)).abs()
    assert residual.min() > 1e-9
    tokens, layers = int(np.diff(build_queries(half, FEW, "gold").gold_offsets).sum()), 2
    assert sum(rows) == 4 * tokens * layers


@pytest.mark.parametrize(("family", "mode"), [("bert", "zero"), ("bert", "amig"), ("gpt2", "zero")])
def test_packed_rows_equal_one_row_at_a_time(family: str, mode: str) -> None:
    model = loaded(family)
    settings = PathSettings(mode, 4, "midpoint")  # type: ignore[arg-type]
    assert_close(whole(model, FEW, settings), whole(model, FEW, settings, token_budget=1))


@pytest.mark.parametrize(("family", "mode"), [("bert", "amig"), ("gpt2", "zero")])
def test_threads_change_no_bit(family: str, mode: str) -> None:
    """With rows of a line in several batches, whose sums are added in one order."""
    model, settings = loaded(family), PathSettings(mode, 5)  # type: ignore[arg-type]
    alone = whole(model, FEW, settings, token_budget=14)
    torch.set_num_threads(4)
    try:
        together = whole(model, FEW, settings, token_budget=14)
    finally:
        torch.set_num_threads(1)
    for name in ("scores", "clean", "baseline"):
        assert torch.equal(getattr(together, name), getattr(alone, name)), name


def test_padding_facts_held_at_once_and_order_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, table, settings = precise("bert"), many_facts(), PathSettings("amig_mean", 2)
    usual = whole(model, table, settings)
    monkeypatch.setitem(DEVICE_PLANS, "cpu", replace(DEVICE_PLANS["cpu"], padding_share=0.9))
    shuffled = table.sample(fraction=1, shuffle=True, seed=1)
    assert_close(whole(model, shuffled, settings), usual, 1e-9)
    monkeypatch.setattr(integrated_gradients, "_HELD_BYTES", 1)
    assert len(list(attribute(model, build_queries(model, table, "gold"), settings))) > 30
    assert_close(whole(model, table, settings), usual, 1e-9)


def test_a_batch_that_does_not_fit_is_halved(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = whole(model, FEW, PathSettings(steps=5))
    real, tried = attribution_rows.target_gradients, []

    def tight(model: LoadedModel, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        tried.append(len(hidden))
        if len(hidden) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return real(model, hidden, targets)

    monkeypatch.setattr(attribution_rows, "target_gradients", tight)
    assert_close(whole(model, FEW, PathSettings(steps=5)), usual)
    assert max(tried) > 2


@pytest.mark.parametrize(
    ("family", "mode"),
    [
        *((family, "zero") for family in ("roberta", "gpt2", *NORMED)),
        *((family, "zero_norm_held") for family in NORMED),
        *(("bert", "amig"), ("gemma2", "amig_mean")),
    ],
)
def test_scores_add_up_to_what_the_neurons_change(family: str, mode: str) -> None:
    found = whole(precise(family), FEW, PathSettings(mode, 64))  # type: ignore[arg-type]
    change = found.baseline_counts * (found.clean - found.baseline)
    residual = (found.scores.sum(-1) - change).abs()
    assert change.abs().max() > 1e-3
    assert residual.max() < (2e-4 if mode == "zero" else 1e-7)


def test_the_published_prefactor_does_not_add_up(model: LoadedModel) -> None:
    found = whole(model, FEW, PathSettings("amig_code", 64))
    assert (found.scores.sum(-1) - (found.clean - found.baseline)).abs().max() > 1e-4


class _Line(torch.nn.Module):
    """A language model that can be integrated by hand: P(1) = sigmoid(slope · neurons + bias)."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.config = SimpleNamespace()
        self.backbone = torch.nn.Module()
        self.words = torch.nn.Embedding(9, 4)
        layer = torch.nn.Module()
        layer.up, layer.down = torch.nn.Linear(4, 6), torch.nn.Linear(6, 4)
        self.layers = torch.nn.ModuleList([layer])
        self.decoder = torch.nn.Linear(4, 2)
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter, 0, 0.7, generator)
        layer.forward = lambda x: x + layer.down(layer.up(x).exp())
        self.backbone.forward = lambda input_ids, attention_mask: SimpleNamespace(
            last_hidden_state=layer(self.words(input_ids))
        )


@pytest.mark.parametrize(
    ("quadrature", "steps", "error"), [("gauss", 12, 1e-9), ("left", 4000, 1e-3)]
)
def test_a_model_that_can_be_integrated_by_hand_is_integrated_exactly(
    model: LoadedModel, quadrature: str, steps: int, error: float
) -> None:
    toy: Any = _Line().double().requires_grad_(False)
    family = replace(
        model.family, backbone="backbone", embeddings="words", layers="layers",
        down_projection="down", residual_norm=None, head=(), decoder="decoder",
    )  # fmt: skip
    tiny = replace(model, view=ModelView(toy, family), dtype=torch.float64)
    queries = Queries(
        token_ids=np.array([5, 7, 3], np.int32),
        token_offsets=np.array([0, 3]),
        scored_positions=np.array([1], np.int32),
        scored_offsets=np.array([0, 1]),
        row_fact=np.array([0], np.int32),
        row_query=np.array([0], np.int32),
        fact_ids=pl.Series(["f"]),
        gold_ids=np.array([1], np.int32),
        gold_offsets=np.array([0, 1]),
        prompt_codes=pl.Series(["whole"]),
    )
    (found,) = attribute(tiny, queries, PathSettings("zero", steps, quadrature))  # type: ignore[arg-type]
    word, layer = toy.words.weight[7], toy.layers[0]
    neurons = layer.up(word).exp()
    logits = torch.stack([toy.decoder(word + layer.down(x)) for x in (0 * neurons, neurons)])
    begin, end = (logits[:, 1] - logits[:, 0]).tolist()
    slope = layer.down.weight.t() @ (toy.decoder.weight[1] - toy.decoder.weight[0])
    change = 1 / (1 + math.exp(-end)) - 1 / (1 + math.exp(-begin))
    expected = neurons * slope * change / (end - begin)
    torch.testing.assert_close(found.scores[0, 0], expected, rtol=error, atol=0)
    assert float(found.clean[0] - found.baseline[0, 0]) == pytest.approx(change)


def test_nodes_are_where_their_names_say() -> None:
    points, weights = quadrature_nodes("left", 4)
    assert (points.tolist(), weights.tolist()) == ([0, 0.25, 0.5, 0.75], [0.25] * 4)
    assert quadrature_nodes("midpoint", 2)[0].tolist() == [0.25, 0.75]
    points, weights = quadrature_nodes("gauss", 3)
    for power in range(6):
        assert float(weights @ points**power) == pytest.approx(1 / (power + 1))


def test_the_model_is_left_as_it_was(model: LoadedModel) -> None:
    ids = torch.tensor([[2, 7, 4, 9, 3]])
    before = model.view.encode(ids, None)
    whole(model, FEW, PathSettings("amig", 2))
    assert torch.equal(model.view.encode(ids, None), before)
    for module in model.view.model.modules():
        assert not module._forward_pre_hooks
        assert not module._forward_hooks
        assert "forward" not in vars(module)


def test_tables_hold_the_best_neurons_and_what_they_add_up_to(model: LoadedModel) -> None:
    settings = PathSettings("zero", 4)
    found = knowledge_neurons(model, FEW, ["a", "c"], settings=settings, top=5)
    scores = whole(model, FEW, settings)
    assert found.knowledge_neurons["fact_id"].to_list() == ["a"] * 5 + ["c"] * 5
    assert found.knowledge_neurons["neuron_rank"].to_list() == [1, 2, 3, 4, 5] * 2
    for place, fact in ((0, "a"), (2, "c")):
        rows = found.knowledge_neurons.filter(fact_id=fact)
        flat = scores.scores[:, place].flatten().numpy()
        chosen = rows["layer_index"].to_numpy() * 48 + rows["neuron_index"].to_numpy()
        best = np.sort(flat)[::-1][:5]
        np.testing.assert_allclose(rows["attribution_score"].to_numpy(), best, rtol=1e-4)
        np.testing.assert_allclose(flat[chosen], best, rtol=1e-4)
        quality = found.attribution_quality.filter(fact_id=fact)
        assert quality["layer_index"].to_list() == [0, 1]
        assert quality["object_token_count"].to_list() == [1 if fact == "a" else 2] * 2
        sums = scores.scores[:, place].sum(-1).numpy()
        change = (scores.clean[place] - scores.baseline[:, place]).numpy()
        np.testing.assert_allclose(quality["attribution_sum"], sums, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(
            quality["completeness_residual"], np.abs(sums - change), rtol=0.05, atol=1e-6
        )
    empty = knowledge_neurons(model, FEW, [], settings=settings, top=5)
    assert_frame_equal(empty.knowledge_neurons, found.knowledge_neurons.clear())
    assert_frame_equal(empty.attribution_quality, found.attribution_quality.clear())


@pytest.mark.parametrize(
    ("settings", "top", "message"),
    [
        (PathSettings("nil"), 5, "mode is 'nil'"),  # type: ignore[arg-type]
        (PathSettings(quadrature="simpson"), 5, "quadrature is 'simpson'"),  # type: ignore[arg-type]
        (PathSettings(steps=0), 5, "at least 1"),
        (PathSettings(), 97, "1 to 96 neurons"),
    ],
)
def test_settings_that_make_no_sense_are_named(
    model: LoadedModel, settings: PathSettings, top: int, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        knowledge_neurons(model, FEW, ["a"], settings=settings, top=top)


def test_queries_for_more_than_the_object_cannot_be_attributed(model: LoadedModel) -> None:
    queries = build_queries(model, FEW, "all")
    with pytest.raises(ModelError, match="these numbers must be equal"):
        list(attribute(model, queries, PathSettings()))


@pytest.mark.parametrize("named", [3, [3, 0]])
def test_the_end_of_text_of_the_config_replaces_tokens_if_the_tokenizer_names_none(
    named: int | list[int],
) -> None:
    tokenizer = tokenizer_of("llama")
    model = hugging_face_model("llama", len(tokenizer))
    model.config.eos_token_id = named
    assert (
        attribution_rows._replacement_token(wrap(model, tokenizer, "cpu"))
        == tokenizer.eos_token_id
        == 2
    )
    tokenizer.eos_token = None
    assert attribution_rows._replacement_token(wrap(model, tokenizer, "cpu")) == 3
    model.config.eos_token_id = None
    assert (
        attribution_rows._replacement_token(wrap(model, tokenizer, "cpu")) == tokenizer.bos_token_id
    )


@pytest.mark.parametrize("tolerance", [None, 1e-9])
def test_progress_is_told_in_every_layer_and_never_falls(tolerance: float | None) -> None:
    """With a tolerance, lines get more points, and the work in all is not known before."""
    model, told = loaded("gpt2"), list[tuple[float, float]]()
    queries = build_queries(model, FEW, "gold")
    settings = PathSettings("zero", 2, "gauss", tolerance, 8)
    list(
        attribute(
            model, queries, settings, token_budget=4, progress=lambda *pair: told.append(pair)
        )
    )
    assert told == sorted(told)
    assert told[-1] == (queries.count, queries.count)
    assert len(set(told)) > 20, "few facts share a group, which says nothing until it is done"


@pytest.mark.parametrize("family", ["gpt2", "gemma3_text", "bert"])
def test_the_time_left_is_right_from_the_first_report_on(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a device where a pass costs its tokens and 32 more, and a gradient three passes."""
    model = loaded(family)
    queries = build_queries(model, FEW.head(1), "gold")
    layers, seconds = len(model.view.layers), [0.0]
    resume = ForwardCache.resume

    def timed(
        cache: ForwardCache, layer: int, items: torch.Tensor, neurons: torch.Tensor
    ) -> torch.Tensor:
        is_last = layer == layers - 1
        length = 1 if model.family.is_causal or is_last else int(queries.lengths[0])
        tokens = len(items) * length + 32
        pass_seconds = forward_work(model, tokens, len(items) + 32, (layers - 1 - layer) / layers)
        seconds[0] += pass_seconds * (3 if neurons.requires_grad else 1)
        return resume(cache, layer, items, neurons)

    monkeypatch.setattr(ForwardCache, "resume", timed)
    told: list[tuple[float, float]] = []
    list(
        attribute(
            model, queries, PathSettings("zero", 8),
            progress=lambda done, total: told.append((done / total, seconds[0])),
        )
    )  # fmt: skip
    early = [(share, at) for share, at in told if 0 < share <= 0.5]
    assert len(early) >= layers
    for share, at in early:
        assert 1 / 1.5 < at / share / seconds[0] < 1.5
