"""A lake with one fault of each kind: dbt names every one of them and does not go through."""

from __future__ import annotations

import re

import pytest
from test_probing_marts import tables
from tiny_lake import WITHOUT_TESTS, build, prediction, write_lake


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Failing test → number of rows that it lists."""
    folder = tmp_path_factory.mktemp("corrupted")
    faulty = tables()
    # An unanswered fact, a language without m2's answers, an answer about a fact that Japanese does
    # not hold, a relation that is not listed; of the German answers of m1 that are right one has
    # neurons, one says why not, one was forgotten; and all parts say that m2's revision made them.
    faulty["predictions"] = [
        row
        for row in faulty["predictions"]
        if (row["model_id"], row["language_code"], row["fact_id"]) != ("m1", "de", "f2")
        and not (row["model_id"] == "m2" and row["language_code"] == "ja")
    ]
    faulty["predictions"].append(prediction("m1", "ja", "f3", [1], [1]))
    place = {"model_id": "m1", "language_code": "de", "method_code": "probeless"}
    neuron = {"neuron_rank": 1, "layer_index": 0, "unit_index": 3, "neuron_score": 2.0}
    faulty["active_neurons"] = [{**place, **neuron, "fact_id": "f1"}]
    faulty["unscored_facts"] = [{**place, "fact_id": "f4", "reason_code": "only_fact"}]
    faulty["relations"] = [r for r in faulty["relations"] if r["relation_id"] != "speaks"]
    lake = write_lake(folder / "lake", {"revision": "revision-of-m2", "dtype": "float32"}, **faulty)
    _, outcome = build(lake, folder / "run", *WITHOUT_TESTS)
    assert outcome.returncode == 0, outcome.stdout
    _, outcome = build(lake, folder / "run", "--exclude-resource-type", "unit_test", command="test")
    assert outcome.returncode == 1
    found = re.findall(r"FAIL (\d+) (\w+)", outcome.stdout)
    return {name: int(count) for count, name in found}


def test_a_hole_a_missing_language_and_a_stranger_are_listed(failures: dict[str, int]) -> None:
    """One fact of m1, the five Japanese facts of m2, one answer without a fact."""
    assert failures["predictions_are_complete"] == 1 + 5 + 1


def test_a_relation_that_is_not_listed_is_an_orphan(failures: dict[str, int]) -> None:
    """In dim_facts, in the prompts, and in p_at_1_by_relation."""
    assert failures["relationships_hold"] == 3


def test_answers_of_another_revision_are_refused(failures: dict[str, int]) -> None:
    """m1's in German, English and Japanese, and its two parts of neurons; French has left."""
    assert failures["answers_come_from_the_models_of_the_study"] == 3 + 2


def test_a_right_answer_without_neurons_is_listed(failures: dict[str, int]) -> None:
    """f6; f2 has no answer any more."""
    assert failures["right_answers_have_neurons"] == 1


def test_sound_parts_raise_no_alarm(failures: dict[str, int]) -> None:
    assert "numbers_add_up" not in failures
