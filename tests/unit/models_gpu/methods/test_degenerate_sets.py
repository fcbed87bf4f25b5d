"""Sets grow by the neuron that makes all but one of them the least needed, and all the most."""

from __future__ import annotations

from itertools import combinations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from models_gpu.engine.edits import Neuron, build_edits, run_edits
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.degenerate_pairs import degenerate_pairs
from models_gpu.methods.degenerate_sets import degenerate_sets
from models_gpu.prompting.build import build_queries
from tests.helpers.tiny_models import facts, loaded

ASKED = facts(
    ("a", "P36", "[X] is in [Y]", "Oslo", "Lima"),
    ("b", "P19", "[X] was [Y]", "Roma", "Lima Oslo"),
    ("c", "P19", "[X] was [Y]", "Bern", "Riga"),
)
CANDIDATES = {
    "a": ((1, 7), (0, 3), (1, 2), (0, 11), (1, 30)),
    "b": ((0, 1), (1, 1), (0, 5)),
    "c": ((0, 9),),
}


@pytest.fixture(scope="module", params=["bert", "gpt2"])
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return loaded(request.param)


@pytest.fixture(scope="module")
def rows(model: LoadedModel) -> pl.DataFrame:
    return degenerate_sets(model, ASKED, CANDIDATES, largest=4, seed=4)


def log_prob(model: LoadedModel, fact: str, neurons: tuple[Neuron, ...]) -> float:
    queries = build_queries(model, ASKED.filter(fact_id=fact), "gold")
    edits = build_edits([0], [neurons], [[0.0] * len(neurons)])
    return float(run_edits(model, queries, edits).log_prob[0])


def gap(model: LoadedModel, fact: str, neurons: tuple[Neuron, ...]) -> float:
    left = [log_prob(model, fact, own) for own in combinations(neurons, len(neurons) - 1)]
    return min(left) - log_prob(model, fact, neurons)


def test_each_size_has_the_largest_gap_that_one_more_neuron_gives(
    model: LoadedModel, rows: pl.DataFrame
) -> None:
    own = CANDIDATES["a"]
    members = max(combinations(own, 2), key=lambda pair: gap(model, "a", pair))
    for row in rows.filter(fact_id="a", is_random=False).iter_rows(named=True):
        if row["set_size"] > 2:
            grown = [(*members, neuron) for neuron in own if neuron not in members]
            members = max(grown, key=lambda neurons: gap(model, "a", neurons))
        assert tuple(zip(row["layer_indexes"], row["neuron_indexes"], strict=True)) == members
        assert [own[rank - 1] for rank in row["neuron_ranks"]] == list(members)
        left = [log_prob(model, "a", kept) for kept in combinations(members, len(members) - 1)]
        assert row["one_left_log_prob"] == pytest.approx(min(left), abs=1e-4)
        assert row["none_left_log_prob"] == pytest.approx(log_prob(model, "a", members), abs=1e-4)
        assert row["log_prob"] == pytest.approx(log_prob(model, "a", ()), abs=1e-4)


def test_a_search_ends_with_its_neurons(rows: pl.DataFrame) -> None:
    sizes = rows.group_by("fact_id", "is_random", maintain_order=True).agg("set_size")
    assert sizes.rows() == [
        ("a", False, [2, 3, 4]),
        ("a", True, [2, 3, 4]),
        ("b", False, [2, 3]),
        ("b", True, [2, 3]),
    ]


def test_the_same_search_is_made_among_random_neurons_of_the_layers(rows: pl.DataFrame) -> None:
    for row in rows.filter("is_random").iter_rows(named=True):
        own = [CANDIDATES[row["fact_id"]][rank - 1] for rank in row["neuron_ranks"]]
        assert [layer for layer, _ in own] == row["layer_indexes"]
        assert not set(own) & set(zip(row["layer_indexes"], row["neuron_indexes"], strict=True))


def test_the_first_set_is_the_best_of_the_pairs(model: LoadedModel, rows: pl.DataFrame) -> None:
    pairs = degenerate_pairs(model, ASKED, CANDIDATES, random_pairs=0, seed=4)
    best = pairs.filter(fact_id="b").select(
        pl.min_horizontal("log_prob_without_a", "log_prob_without_b")
        - pl.col("log_prob_without_both")
    )
    (found,) = rows.filter(fact_id="b", is_random=False, set_size=2).to_dicts()
    gap_of_set = found["one_left_log_prob"] - found["none_left_log_prob"]
    assert gap_of_set == pytest.approx(best.max().item(), abs=1e-5)


def test_order_of_facts_and_batches_change_nothing(model: LoadedModel, rows: pl.DataFrame) -> None:
    some = dict(reversed(list(CANDIDATES.items())))
    again = degenerate_sets(model, ASKED.reverse(), some, largest=4, seed=4, token_budget=9)
    assert_frame_equal(again, rows, abs_tol=1e-5)
    smaller = degenerate_sets(model, ASKED, {"a": CANDIDATES["a"]}, largest=3, seed=4)
    first = rows.filter(pl.col("set_size") <= 3, fact_id="a")
    assert_frame_equal(smaller, first, abs_tol=1e-5)


def test_without_candidates_there_are_no_rows(model: LoadedModel, rows: pl.DataFrame) -> None:
    assert_frame_equal(degenerate_sets(model, ASKED, {}, largest=4, seed=4), rows.clear())


def test_a_candidate_of_no_fact_is_an_error(model: LoadedModel) -> None:
    with pytest.raises(ModelError, match="not among the facts, such as 'gone'"):
        degenerate_sets(model, ASKED, {"gone": ((0, 1),)}, largest=3, seed=0)
