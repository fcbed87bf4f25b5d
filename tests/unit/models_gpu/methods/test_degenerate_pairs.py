"""Both neurons of every pair are suppressed alone and together, as are random pairs."""

from __future__ import annotations

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from models_gpu.engine.edits import build_edits, run_edits
from models_gpu.engine.precision import in_float64
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.degenerate_pairs import degenerate_pairs
from models_gpu.methods.neuron_sets import matched_controls, random_pool
from models_gpu.prompting.build import build_queries
from tests.helpers.tiny_models import facts, loaded

ASKED = facts(
    ("a", "P36", "[X] is in [Y]", "Oslo", "Lima"),
    ("b", "P19", "[X] was [Y]", "Roma", "Lima Oslo"),
    ("c", "P19", "[X] was [Y]", "Bern", "Riga"),
)
CANDIDATES = {
    "a": ((1, 7), (0, 3), (1, 2)),
    "b": ((0, 1), (1, 1)),
    "c": ((0, 9),),
}


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return loaded("gpt2")


@pytest.fixture(scope="module")
def rows(model: LoadedModel) -> pl.DataFrame:
    return degenerate_pairs(model, ASKED, CANDIDATES, random_pairs=2, seed=4)


def test_all_pairs_of_the_candidates_are_tried_in_order_of_rank(rows: pl.DataFrame) -> None:
    places = rows.filter(is_random=False).select(
        "fact_id", "neuron_rank_a", "neuron_rank_b",
        "layer_index_a", "neuron_index_a", "layer_index_b", "neuron_index_b",
    )  # fmt: skip
    assert places.rows() == [
        ("a", 1, 2, 1, 7, 0, 3),
        ("a", 1, 3, 1, 7, 1, 2),
        ("a", 2, 3, 0, 3, 1, 2),
        ("b", 1, 2, 0, 1, 1, 1),
    ]


def test_random_pairs_stand_in_the_layers_of_the_pairs_that_they_stand_for(
    rows: pl.DataFrame,
) -> None:
    random = rows.filter(is_random=True)
    assert random["fact_id"].to_list() == ["a", "a", "b"]
    key = ["fact_id", "neuron_rank_a", "neuron_rank_b"]
    both = random.join(rows.filter(is_random=False), on=key, suffix="_own")
    for side in ("a", "b"):
        assert both[f"layer_index_{side}"].equals(both[f"layer_index_{side}_own"])
        assert (both[f"neuron_index_{side}"] != both[f"neuron_index_{side}_own"]).all()


def test_log_probabilities_are_those_of_the_suppressions(
    model: LoadedModel, rows: pl.DataFrame
) -> None:
    queries = build_queries(model, ASKED, "gold")
    masks = [[], [(0, 1)], [(1, 1)], [(0, 1), (1, 1)]]
    expected = run_edits(
        model, queries, build_edits([1] * 4, masks, [[0.0] * len(mask) for mask in masks])
    ).log_prob
    (found,) = rows.filter(fact_id="b", is_random=False)[:, -4:].rows()
    assert found == pytest.approx(expected, abs=1e-5)
    assert len(set(found)) == 4


def test_order_of_facts_and_batches_change_nothing(model: LoadedModel, rows: pl.DataFrame) -> None:
    some = dict(reversed(list(CANDIDATES.items())))
    again = degenerate_pairs(model, ASKED.reverse(), some, random_pairs=2, seed=4, token_budget=9)
    assert_frame_equal(again, rows, abs_tol=1e-5)
    fewer = degenerate_pairs(model, ASKED, {"a": CANDIDATES["a"]}, random_pairs=2, seed=4)
    assert_frame_equal(fewer, rows.filter(fact_id="a"), abs_tol=1e-5)


def test_without_candidates_there_are_no_rows(model: LoadedModel, rows: pl.DataFrame) -> None:
    empty = degenerate_pairs(model, ASKED, {}, random_pairs=2, seed=4)
    assert_frame_equal(empty, rows.clear())


def test_a_candidate_of_no_fact_is_an_error(model: LoadedModel) -> None:
    with pytest.raises(ModelError, match="not among the facts, such as 'gone'"):
        degenerate_pairs(model, ASKED, {"gone": ((0, 1),)}, random_pairs=0, seed=0)


def test_random_pairs_cost_alone_about_as_much_as_the_pairs_that_they_stand_for(
    model: LoadedModel, rows: pl.DataFrame
) -> None:
    """Of 16 random neurons per candidate, none left in its layer is closer."""
    queries = build_queries(model, ASKED, "gold")
    own = CANDIDATES["b"]
    pool = random_pool(own, model.view.neuron_count, 16, (4, "pairs", "b", "random"))
    edits = build_edits(
        [1] * (1 + len(own) + len(pool)), [(), *((n,) for n in own + pool)],
        [[], *([0.0] for _ in own + pool)],
    )  # fmt: skip
    clean, *alone = run_edits(model, queries, edits).log_prob
    effect = {n: p - clean for n, p in zip(own + pool, alone, strict=True)}
    (random,) = rows.filter(fact_id="b", is_random=True).rows(named=True)
    for side, neuron in zip("ab", own, strict=True):
        control = (random[f"layer_index_{side}"], random[f"neuron_index_{side}"])
        closest = min(abs(effect[n] - effect[neuron]) for n in pool if n[0] == neuron[0])
        assert abs(effect[control] - effect[neuron]) == pytest.approx(closest, abs=1e-6)


def test_log_probabilities_are_those_of_float64(model: LoadedModel, rows: pl.DataFrame) -> None:
    weights = [w.clone() for w in model.view.model.parameters()]
    queries = build_queries(model, ASKED, "gold")
    with in_float64(model) as wide:
        assert wide.view.model.get_input_embeddings().weight.dtype == torch.float64
        edits = build_edits([1, 1], [[], [(0, 1)]], [[], [0.0]])
        expected = run_edits(wide, queries, edits).log_prob
    found = rows.filter(fact_id="b", is_random=False).row(0, named=True)
    assert [found["log_prob"], found["log_prob_without_a"]] == pytest.approx(expected, abs=1e-13)
    narrow = run_edits(model, queries, edits).log_prob
    assert 1e-13 < abs(narrow - expected).max() < 1e-5
    # The model is the one that it was.
    for before, after in zip(weights, model.view.model.parameters(), strict=True):
        assert after.dtype == torch.float32
        assert torch.equal(before, after)


def test_strong_neurons_choose_their_controls_first() -> None:
    effects = {(0, 1): -0.1, (0, 2): -0.5, (1, 1): 0.0}
    pool = {(0, 3): -0.4, (0, 4): 0.0, (0, 5): -0.05, (1, 7): -0.3, (1, 8): 0.2}
    assert matched_controls(effects, pool) == ((0, 5), (0, 3), (1, 8))
