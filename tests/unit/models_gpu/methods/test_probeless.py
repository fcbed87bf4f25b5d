"""PROBELESS equals the double loop that defines it, whatever the blocks, files and order."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from models_gpu.engine.activations import NeuronKind, record_activations
from models_gpu.engine.batching import core_pool
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods import probeless as module
from models_gpu.methods.probeless import NeuronTables, ProbelessSettings, group_scores, probeless
from models_gpu.prompting.build import build_queries
from tests.helpers.tiny_models import facts, loaded, many_facts

SMALL = ProbelessSettings(top=7, bins=4)


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return loaded("bert")


def double_loop(vectors: np.ndarray, is_normalised: bool) -> np.ndarray:
    """``[facts, neurons]`` mean |x_f - x_g| over g ≠ f, by the definition."""
    x = vectors.astype(np.float64)
    if is_normalised:
        spread = x.std(0)
        x = np.divide(x, spread, out=np.zeros_like(x), where=spread > 0)
    scores = np.zeros_like(x)
    for f in range(len(x)):
        for g in range(len(x)):
            if f != g:
                scores[f] += np.abs(x[f] - x[g])
    return scores / (len(x) - 1)


def drawn(layers: int, queries: int, units: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(layers, queries, units, generator=generator)
    # Far from zero and of unequal spread: where cancellation and normalisation would show.
    return values * torch.linspace(0.1, 3, units) + 100 * torch.linspace(-1, 1, units)


@pytest.mark.parametrize("is_normalised", [False, True])
@pytest.mark.parametrize("count", [2, 3, 40])
def test_scores_equal_the_double_loop(count: int, is_normalised: bool) -> None:
    activations = drawn(3, count, 20)
    settings = ProbelessSettings(top=60, bins=4, is_normalised=is_normalised)
    found = group_scores(activations, np.arange(count), settings)
    flat = activations.permute(1, 0, 2).reshape(count, -1).numpy()
    expected = double_loop(flat, is_normalised)
    ours = np.zeros_like(expected)
    np.put_along_axis(ours, found.neurons, found.scores.astype(np.float64), 1)
    np.testing.assert_allclose(ours, expected, rtol=3e-7)
    by_layer = expected.reshape(count, 3, 20)
    np.testing.assert_allclose(
        found.contiguous, by_layer.reshape(count, 3, 4, 5).mean(-1), rtol=1e-6
    )
    np.testing.assert_allclose(found.strided, by_layer.reshape(count, 3, 5, 4).mean(2), rtol=1e-6)


def test_equal_scores_are_ranked_by_layer_then_unit() -> None:
    activations = torch.zeros(2, 3, 6)
    activations[:, 0] = 1.0
    activations[1, :, 4] = torch.tensor([9.0, 0.0, 0.0])
    found = group_scores(activations, np.arange(3), ProbelessSettings(top=5, bins=2))
    assert found.neurons[0].tolist() == [10, 0, 1, 2, 3]
    assert found.scores[0].tolist() == [9.0, 1.0, 1.0, 1.0, 1.0]


def test_bins_hold_every_unit_once_when_they_do_not_divide_the_layer() -> None:
    activations = drawn(1, 4, 10)
    found = group_scores(activations, np.arange(4), ProbelessSettings(top=3, bins=4))
    scores = double_loop(activations[0].numpy(), False)
    for bin_index, members in enumerate(([0, 1, 2], [3, 4], [5, 6, 7], [8, 9])):
        np.testing.assert_allclose(
            found.contiguous[:, 0, bin_index], scores[:, members].mean(1), rtol=1e-6
        )
        strided = scores[:, bin_index::4].mean(1)
        np.testing.assert_allclose(found.strided[:, 0, bin_index], strided, rtol=1e-6)


@pytest.mark.parametrize("is_normalised", [False, True])
def test_a_neuron_that_never_moves_scores_zero(is_normalised: bool) -> None:
    activations = drawn(1, 5, 8)
    activations[0, :, 2] = 1e6 + 0.3
    settings = ProbelessSettings(top=8, bins=2, is_normalised=is_normalised)
    found = group_scores(activations, np.arange(5), settings)
    assert found.neurons[:, -1].tolist() == [2] * 5
    assert found.scores[:, -1].tolist() == [0.0] * 5


@pytest.mark.parametrize("width", [1, 5, 48])
def test_the_size_of_a_block_changes_nothing(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    activations = drawn(2, 30, 48)
    usual = group_scores(activations, np.arange(30), SMALL)
    monkeypatch.setattr(module, "_BLOCK_BYTES", width * 30 * module._BYTES_PER_SCORE)
    assert module._block_width(30, 48) == width
    other = group_scores(activations, np.arange(30), SMALL)
    assert np.array_equal(other.neurons, usual.neurons)
    assert np.array_equal(other.scores, usual.scores)
    np.testing.assert_allclose(other.contiguous, usual.contiguous, rtol=1e-6)


@pytest.mark.parametrize("is_normalised", [False, True])
def test_layers_scored_side_by_side_are_those_scored_one_by_one(is_normalised: bool) -> None:
    activations = drawn(5, 40, 33)
    settings = ProbelessSettings(top=20, bins=4, is_normalised=is_normalised)
    one_by_one = group_scores(activations, np.arange(40), settings)
    with core_pool(activations.device) as pool:
        side_by_side = group_scores(activations, np.arange(40), settings, pool)
    for name in ("neurons", "scores", "contiguous", "strided"):
        assert np.array_equal(getattr(side_by_side, name), getattr(one_by_one, name)), name


def test_facts_that_share_a_query_are_counted_each() -> None:
    activations = drawn(1, 2, 8)
    found = group_scores(activations, np.array([0, 1, 1]), ProbelessSettings(top=8, bins=2))
    expected = double_loop(activations[0, [0, 1, 1]].numpy(), False)
    ours = np.take_along_axis(expected, found.neurons, 1)
    np.testing.assert_allclose(found.scores, ours, rtol=3e-7)
    assert np.array_equal(found.neurons[1], found.neurons[2])


def test_what_is_not_a_number_is_an_error() -> None:
    activations = drawn(2, 3, 8)
    activations[1, 2, 3] = torch.inf
    with pytest.raises(ModelError, match="layer 1 are not numbers"):
        group_scores(activations, np.arange(3), SMALL)


def tables(
    model: LoadedModel,
    settings: ProbelessSettings = SMALL,
    table: pl.DataFrame | None = None,
    token_budget: int | None = None,
) -> NeuronTables:
    table = many_facts() if table is None else table
    matched = [fact_id for fact_id in table["fact_id"] if fact_id[0] != "t"]
    return probeless(model, table, matched, settings=[settings], token_budget=token_budget)


def assert_same(a: NeuronTables, b: NeuronTables) -> None:
    assert_frame_equal(a.active_neurons, b.active_neurons, check_exact=True)
    assert_frame_equal(a.neuron_profiles, b.neuron_profiles, check_exact=True)
    assert_frame_equal(a.unscored_facts, b.unscored_facts, check_exact=True)


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta", "xlm-roberta"])
@pytest.mark.parametrize(
    ("neuron", "is_normalised", "method"),
    [
        ("ffn", False, "probeless"),
        ("ffn", True, "probeless-normalised"),
        ("layer_output", False, "probeless-layer"),
        ("layer_output", True, "probeless-layer-normalised"),
    ],
)
def test_rows_are_those_of_the_definition_from_facts_to_tables(
    family: str, neuron: str, is_normalised: bool, method: str
) -> None:
    model = loaded(family)
    table = many_facts()
    settings = ProbelessSettings(top=5, neuron=neuron, is_normalised=is_normalised, bins=4)  # type: ignore[arg-type]
    found = tables(model, settings)
    assert set(found.active_neurons["method_code"]) == {method}
    for relation in ("P36", "P19"):
        group = table.filter(pl.col("relation_id") == relation).sort("fact_id")
        queries = build_queries(model, group, "gold")
        vectors = (
            record_activations(model, queries, neuron=neuron).permute(1, 0, 2).flatten(1).numpy()
        )  # type: ignore[arg-type]
        expected = double_loop(vectors[queries.row_query], is_normalised)
        units = vectors.shape[1] // 2
        for place, fact_id in enumerate(queries.fact_ids):
            rows = found.active_neurons.filter(fact_id=fact_id)
            best = np.sort(expected[place])[::-1][:5]
            np.testing.assert_allclose(rows["neuron_score"].to_numpy(), best, rtol=1e-4)
            chosen = rows["layer_index"].to_numpy() * units + rows["neuron_index"].to_numpy()
            np.testing.assert_allclose(expected[place][chosen], best, rtol=1e-4)
            profile = found.neuron_profiles.filter(fact_id=fact_id)
            means = expected[place].reshape(2, 4, units // 4).mean(-1).reshape(-1)
            np.testing.assert_allclose(profile["contiguous_score"].to_numpy(), means, rtol=1e-4)


def test_tables_are_sorted_by_key_and_complete(model: LoadedModel) -> None:
    found = tables(model)
    matched = sorted(f for f in many_facts()["fact_id"] if f[0] != "t")
    active, profiles = found.active_neurons, found.neuron_profiles
    assert active.select("fact_id", "neuron_rank").rows() == [
        (fact_id, rank) for fact_id in matched for rank in range(1, 8)
    ]
    keys = profiles.select("fact_id", "layer_index", "bin_index").rows()
    assert keys == [(f, layer, b) for f in matched for layer in range(2) for b in range(4)]
    assert found.unscored_facts.is_empty()
    by_fact = active["neuron_score"].to_numpy().reshape(-1, 7)
    assert (np.diff(by_fact, axis=1) <= 0).all()


def test_the_order_of_facts_and_unmatched_facts_change_nothing(model: LoadedModel) -> None:
    table = many_facts()
    usual = tables(model)
    assert_same(tables(model, table=table.sample(fraction=1, shuffle=True, seed=3)), usual)
    only_matched = table.filter(~pl.col("fact_id").str.starts_with("t"))
    assert_same(tables(model, table=only_matched), usual)


def test_the_size_of_a_batch_moves_scores_by_rounding_only(model: LoadedModel) -> None:
    usual, other = tables(model), tables(model, token_budget=1)
    assert_frame_equal(
        other.active_neurons.sort("fact_id", "layer_index", "neuron_index").drop("neuron_rank"),
        usual.active_neurons.sort("fact_id", "layer_index", "neuron_index").drop("neuron_rank"),
        rel_tol=1e-4,
    )


def test_relations_that_do_not_fit_together_or_at_all_give_the_same(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tables(model)
    monkeypatch.setattr(module, "_HELD_BYTES", 1)
    spilled = tables(model)
    assert_frame_equal(spilled.active_neurons, usual.active_neurons, rel_tol=1e-4)
    assert_frame_equal(spilled.neuron_profiles, usual.neuron_profiles, rel_tol=1e-4)


def test_facts_without_contrast_have_a_reason_instead_of_scores(model: LoadedModel) -> None:
    capital, born = "[X] is the capital of [Y] .", "[Y] : there was [X] born"
    table = facts(
        ("alone", "P36", capital, "Roma", "Italia"),
        ("twin1", "P19", born, "Marie", "Peru"),
        ("twin2", "P19", born, "Marie", "Norway"),
        ("pair1", "P20", born, "Curie", "Peru"),
        ("pair2", "P20", born, "Albert", "Norway"),
        ("pair3", "P20", born, "Albert", "France"),
    )
    raw = probeless(model, table, table["fact_id"], settings=[SMALL])
    assert raw.unscored_facts.select("fact_id", "reason_code").rows() == [
        ("alone", "only_fact"),
        ("twin1", "no_contrast"),
        ("twin2", "no_contrast"),
    ]
    assert set(raw.active_neurons["fact_id"]) == {"pair1", "pair2", "pair3"}
    normalised = ProbelessSettings(top=7, bins=4, is_normalised=True)
    unscored = probeless(model, table, table["fact_id"], settings=[normalised]).unscored_facts
    assert unscored["reason_code"].to_list() == ["only_fact", *["no_contrast"] * 5]


def test_variants_that_share_a_capture_score_as_each_does_alone(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = [
        SMALL,
        ProbelessSettings(top=7, bins=4, is_normalised=True),
        ProbelessSettings(top=7, bins=4, neuron="layer_output"),
    ]
    captured: list[str] = []

    def counted(*args: Any, neuron: NeuronKind, **kwargs: Any) -> torch.Tensor:
        captured.append(neuron)
        return record_activations(*args, neuron=neuron, **kwargs)

    monkeypatch.setattr(module, "record_activations", counted)
    table = many_facts()
    together = probeless(model, table, table["fact_id"], settings=variants)
    assert captured == ["ffn", "layer_output"]
    alone = [probeless(model, table, table["fact_id"], settings=[variant]) for variant in variants]
    for name in vars(together):
        one_by_one = pl.concat([getattr(found, name) for found in alone])
        assert_frame_equal(
            getattr(together, name),
            one_by_one.sort("fact_id", "method_code", maintain_order=True),
            rel_tol=1e-4,
        )


def test_nothing_matched_is_three_empty_tables(model: LoadedModel) -> None:
    found = probeless(model, many_facts(), [], settings=[SMALL])
    assert found.active_neurons.schema == tables(model).active_neurons.schema
    assert found.neuron_profiles.schema == tables(model).neuron_profiles.schema
    assert [t.height for t in vars(found).values()] == [0, 0, 0]


def test_progress_goes_over_all_chunks(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HELD_BYTES", 1)
    reports: list[tuple[float, float]] = []
    table = many_facts()
    probeless(
        model,
        table,
        table["fact_id"],
        settings=[SMALL],
        progress=lambda *pair: reports.append(pair),
    )
    assert reports == sorted(reports)
    assert reports[-1] == (1, 1)
    assert len({done for done, _ in reports}) > 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ProbelessSettings(top=97), "1 to 96 neurons"),
        (ProbelessSettings(bins=49), "1 to 48 neurons"),
        (ProbelessSettings(neuron="mlp"), "'ffn' or 'layer_output'"),  # type: ignore[arg-type]
    ],
)
def test_settings_that_the_model_cannot_meet_are_named(
    model: LoadedModel, settings: ProbelessSettings, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        tables(model, settings)


def test_a_matched_fact_that_is_no_fact_is_an_error(model: LoadedModel) -> None:
    with pytest.raises(ModelError, match="1 chosen facts are not among the facts, such as 'gone'"):
        probeless(model, many_facts(), ["c1", "gone"], settings=[SMALL])
