"""Sets of neurons are the intended ones, with fair controls, on one set of facts."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from models_gpu.engine.edits import build_edits, run_edits
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.interventions import (
    EditSettings,
    LanguageNeurons,
    MatchedFact,
    interventions,
    matched_facts,
)
from models_gpu.methods.neuron_sets import (
    first_neurons,
    knowledge_neurons_above,
    random_controls,
    random_subset,
)
from models_gpu.prompting.build import build_queries
from tests.helpers.tiny_models import facts, loaded

ASKED = facts(
    ("a", "P36", "[X] is in [Y]", "Oslo", "Lima"),
    ("b", "P19", "[X] was [Y]", "Roma", "Lima Oslo"),
    ("c", "P19", "[X] was [Y]", "Bern", "Riga"),
    ("d", "P36", "[X] is in [Y]", "Wien", "Riga"),
)
NEURONS = {
    "en": LanguageNeurons({"a": ((0, 3), (1, 5), (1, 6))}, {"a": ((0, 1), (1, 1))}),
    "de": LanguageNeurons({"a": ((1, 5), (1, 9))}, {"a": ((0, 2),)}),
}
MATCHED = [MatchedFact("a", "c")]
SETTINGS = EditSettings(base_language="en", base_factors=(0.0, 5.0), seed=3)


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return loaded("bert")


@pytest.fixture(scope="module")
def rows(model: LoadedModel) -> pl.DataFrame:
    return interventions(model, "de", ASKED, MATCHED, NEURONS, settings=SETTINGS)


def ranked(*neurons: tuple[str, int, int, float]) -> pl.DataFrame:
    names = ["fact_id", "layer_index", "neuron_index", "attribution_score"]
    table = pl.DataFrame(neurons, schema=names, orient="row")
    return table.with_columns(neuron_rank=pl.int_range(1, pl.len() + 1).over("fact_id"))


def test_knowledge_neurons_are_above_the_threshold_of_the_facts_own_best() -> None:
    rows = ranked(("a", 1, 7, 4.0), ("a", 0, 2, 1.3), ("a", 0, 1, 1.2), ("b", 0, 5, -1.0))
    assert knowledge_neurons_above(rows, 0.3) == {"a": ((1, 7), (0, 2))}
    assert first_neurons(rows, 1) == {"a": ((1, 7),), "b": ((0, 5),)}


def test_random_controls_keep_the_layers_and_avoid_the_neurons() -> None:
    neurons = [(2, 0), (0, 1), (2, 2), (2, 3)]
    controls = random_controls(neurons, 8, ("any", "name"))
    assert [layer for layer, _ in controls] == [2, 0, 2, 2]
    assert len(set(controls)) == 4
    assert not set(controls) & set(neurons)
    assert controls == random_controls(neurons, 8, ("any", "name"))
    draws = {random_controls(neurons, 8, ("any", number)) for number in range(20)}
    assert len(draws) > 5
    # A layer that has too few others gives what it has.
    assert len(set(random_controls(neurons, 4, ("any",)))) == 4


def test_a_random_subset_is_part_of_the_set() -> None:
    own = [(0, unit) for unit in range(9)]
    assert set(random_subset(own, 4, ("x",))) < set(own)
    assert random_subset(own, 99, ("x",)) == tuple(own)
    assert random_subset(own[::-1], 4, ("x",)) == random_subset(own, 4, ("x",))


def test_matched_facts_share_a_neuron_and_stand_beside_a_fact_of_another_kind() -> None:
    table = pl.DataFrame(
        [("a", "P36", "Q1"), ("b", "P19", "Q1"), ("c", "P19", "Q2"), ("d", "P36", "Q2")],
        schema=["fact_id", "relation_id", "object_id"],
        orient="row",
    )
    shared, apart = ((0, 1),), ((0, 2),)
    neurons = {
        "en": LanguageNeurons({"a": shared, "b": shared, "c": shared}),
        "de": LanguageNeurons({"a": shared, "b": apart, "c": shared, "d": shared}),
    }
    found = matched_facts(table, neurons, 9, seed=1)
    assert found == [MatchedFact("a", "c"), MatchedFact("c", "a")]
    assert matched_facts(table.reverse(), neurons, 9, seed=1) == found
    few = {matched_facts(table, neurons, 1, seed)[0].fact_id for seed in range(9)}
    assert few == {"a", "c"}
    # b has another relation, but the same answer.
    one_answer = table.filter(pl.col("object_id") == "Q1")
    assert matched_facts(one_answer, neurons, 9, seed=1) == [MatchedFact("a", None)]


def test_every_set_is_edited_beside_random_neurons_and_an_unrelated_fact(
    rows: pl.DataFrame,
) -> None:
    counts = rows.select(
        "edit_set_code", "neuron_language_code", "edit_factor", "neuron_count"
    ).unique()
    found = set(counts.filter(edit_factor=0.0).drop("edit_factor").iter_rows())
    assert found == {
        ("likn", "all", 1),
        ("own", "de", 2),
        ("own_subset", "de", 1),
        ("other", "en", 3),
        ("union", "all", 4),
        ("sequence", "all", 4),
        ("probeless", "de", 1),
        ("probeless", "en", 2),
    }
    factors = counts.filter(edit_set_code="probeless").group_by("neuron_language_code")
    assert dict(factors.agg(pl.col("edit_factor").sort()).iter_rows()) == {
        "de": [0.0, 2.0],
        "en": [0.0, 5.0],
    }
    per_edit = rows.group_by("edit_set_code", "neuron_language_code", "edit_factor").agg(
        pl.struct("is_random", "query_code", "queried_fact_id").sort()
    )
    asked = {tuple(tuple(ask.values()) for ask in asks) for *_, asks in per_edit.iter_rows()}
    assert asked == {((False, "related", "a"), (False, "unrelated", "c"), (True, "related", "a"))}


def test_log_probabilities_are_those_of_the_edits(model: LoadedModel, rows: pl.DataFrame) -> None:
    queries = build_queries(model, ASKED, "gold")
    union = [(0, 3), (1, 5), (1, 6), (1, 9)]
    plain, suppressed, doubled, in_sequence, unrelated = run_edits(
        model,
        queries,
        build_edits(
            [0, 0, 0, 0, 2],
            [[], union, union, union, union],
            [[], [0.0] * 4, [2.0] * 4, [2.0, 4.0, 2.0, 2.0], [0.0] * 4],
        ),
    ).log_prob
    own = rows.filter(is_random=False, neuron_count=4)
    related = own.filter(query_code="related")
    assert related["log_prob_before"].unique().to_list() == pytest.approx([plain], abs=1e-5)
    after = {
        (code, factor): value
        for code, factor, value in related.select(
            "edit_set_code", "edit_factor", "log_prob_after"
        ).iter_rows()
    }
    assert after == pytest.approx(
        {
            ("union", 0.0): suppressed,
            ("sequence", 0.0): suppressed,
            ("union", 2.0): doubled,
            ("sequence", 2.0): in_sequence,
        },
        abs=1e-5,
    )
    other = own.filter(query_code="unrelated", edit_factor=0.0)["log_prob_after"].to_list()
    assert other == pytest.approx([unrelated] * 2, abs=1e-5)


def test_order_of_facts_and_batches_change_nothing(model: LoadedModel, rows: pl.DataFrame) -> None:
    again = interventions(
        model, "de", ASKED.reverse(), MATCHED, NEURONS, settings=SETTINGS, token_budget=16
    )
    assert_frame_equal(again, rows, abs_tol=1e-5)


def test_without_matched_facts_there_are_no_rows(model: LoadedModel, rows: pl.DataFrame) -> None:
    empty = interventions(model, "de", ASKED, [], NEURONS, settings=SETTINGS)
    assert_frame_equal(empty, rows.clear())


def test_a_matched_fact_that_is_not_asked_is_an_error(model: LoadedModel) -> None:
    with pytest.raises(ModelError, match="not among the facts, such as 'gone'"):
        interventions(model, "de", ASKED, [MatchedFact("gone", None)], NEURONS, settings=SETTINGS)
