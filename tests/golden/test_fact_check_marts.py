"""Fact checks worked out by hand: eight facts of two relations, each with a wrong object.

Attributions of the relations' knowledge neurons, right object and wrong one:

    part          validation               test
    fact          d0        d1        d2         t0        t1        t2        t3
    relation      r         r         q          r         r         q         q
    right/wrong   0.9/0.1   0.6/0.5   0.4/0.2    0.8/0.3   0.4/0.6   0.4/0.4   0.3/0.7

A threshold of 0.6 accepts 2 of 3 right objects and none of the wrong ones, 0.4 all right and one
wrong: both miss one in three, and the smaller is taken. At 0.4 the test part has three of four
right objects accepted (not 0.3), and three of four wrong ones (not 0.3). A right object beats a
wrong one in 4 + 1.5 + 1.5 + 0.5 of 16 comparisons, ties counting half.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.tiny_lake import WITHOUT_TESTS, build, language, model, rows, write_lake

SCORES = {
    "d0": ("r", "validation", 0.9, 0.1),
    "d1": ("r", "validation", 0.6, 0.5),
    "d2": ("q", "validation", 0.4, 0.2),
    "t0": ("r", "test", 0.8, 0.3),
    "t1": ("r", "test", 0.4, 0.6),
    "t2": ("q", "test", 0.4, 0.4),
    "t3": ("q", "test", 0.3, 0.7),
    "a0": ("r", "train", 0.0, 0.9),
}


def checks(fact: str) -> list[dict[str, Any]]:
    """Both objects, by both sets and their random counterparts; q has no degenerate neurons."""
    relation, part, *scores = SCORES[fact]
    found = []
    for is_true, score in zip((True, False), scores, strict=True):
        for neurons in ("knowledge", "degenerate"):
            count = 0 if (relation, neurons) == ("q", "degenerate") else 3
            for is_random in (False, True):
                found.append(
                    {
                        "model_id": "m", "language_code": "en", "fact_id": fact,
                        "is_true": is_true, "neuron_set_code": neurons, "is_random": is_random,
                        "split": part, "candidate_object_id": f"o{fact}{is_true}",
                        "candidate_label": "name", "candidate_token_count": 1,
                        "neuron_count": count,
                        "attribution_score": (0.5 if is_random else score) if count else None,
                        "activation_score": 0.25 if count else None,
                        "log_prob": -1.0 if is_true else -2.0,
                        "is_top": is_true and fact != "t0",
                    }
                )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checks")
    lake = write_lake(
        folder / "lake",
        languages=[language("en")],
        relations=[{"relation_id": each, "relation_name": each} for each in ("r", "q")],
        facts=[
            {
                "fact_id": fact, "relation_id": relation, "subject_id": f"s{fact}",
                "object_id": f"o{fact}True",
            }
            for fact, (relation, *_) in SCORES.items()
        ],
        fact_labels=[],
        prompts=[],
        models=[model("m")],
        fact_checks=[row for fact in SCORES for row in checks(fact)],
    )  # fmt: skip
    database, outcome = build(
        lake,
        folder / "build",
        "--select",
        "+fact_check_scores +published_fact_checks",
        *WITHOUT_TESTS,
    )
    assert outcome.returncode == 0, outcome.stdout
    return database


def scores(database: Path, columns: str, check: str, relation: str = "all") -> tuple[Any, ...]:
    (found,) = rows(
        database,
        f"select {columns} from fact_check_scores "
        f"where check_code = '{check}' and relation_id = '{relation}'",
    )
    return found


def test_the_threshold_is_the_validations_and_counts_are_the_tests(database: Path) -> None:
    columns = (
        "validation_count, lambda_score, true_count, wrong_count, accepted_true_count, "
        "accepted_wrong_count, precision, recall, f1_score, balanced_accuracy_score"
    )
    found = scores(database, columns, "knowledge_attribution")
    assert found == pytest.approx((6, 0.4, 4, 4, 3, 3, 0.5, 0.75, 0.6, 0.5))
    # One threshold for all relations.
    found = scores(database, columns, "knowledge_attribution", "q")
    assert found == pytest.approx((6, 0.4, 2, 2, 1, 2, 1 / 3, 0.5, 0.4, 0.25))


def test_auroc_counts_pairs_and_halves_ties(database: Path) -> None:
    columns = "auroc_score, auroc_score_high - auroc_score, auroc_score - auroc_score_low"
    area, up, down = scores(database, columns, "knowledge_attribution")
    assert area == pytest.approx(7.5 / 16)
    own, beaten = area / (2 - area) - area**2, 2 * area**2 / (1 + area) - area**2
    error = math.sqrt((area * (1 - area) + 3 * own + 3 * beaten) / 16)
    assert up == pytest.approx(1.959964 * error)
    assert down == pytest.approx(min(area, 1.959964 * error))


def test_controls_stand_beside_the_neurons(database: Path) -> None:
    columns = "lambda_score, accepted_true_count, accepted_wrong_count, f1_score, auroc_score"
    assert scores(database, columns, "always_true") == pytest.approx((1, 4, 4, 2 / 3, 0.5))
    assert scores(database, columns, "top_1") == pytest.approx((1, 3, 0, 6 / 7, 0.875))
    assert scores(database, columns, "probability") == pytest.approx((-1, 4, 0, 1, 1))
    # All alike: the smallest threshold, which accepts everything.
    alike = pytest.approx((0.5, 4, 4, 2 / 3, 0.5))
    assert scores(database, columns, "random_knowledge_attribution") == alike
    assert scores(database, columns, "knowledge_activation")[1:] == alike.expected[1:]


def test_a_relation_without_neurons_is_not_judged_by_them(database: Path) -> None:
    found = rows(
        database,
        "select relation_id, true_count from fact_check_scores "
        "where check_code = 'degenerate_attribution' order by 1",
    )
    assert found == [("all", 2), ("r", 2)]


def test_the_published_row_is_possible_only_with_its_columns_swapped(database: Path) -> None:
    found = rows(
        database,
        "select row_number, printed_precision, printed_recall, is_possible_as_printed, "
        "is_possible_as_swapped, precision, recall, round(f1_score, 3), printed_f1_score, "
        "round(always_true_f1_score, 3) from published_fact_checks order by row_number",
    )
    assert len(found) == 12
    # With a recall of .986, a precision below .496 is impossible: so are all rows without
    # degenerate neurons, and two with them. Swapped, all rows are possible.
    possible = [number for number, _, _, as_printed, *_ in found if as_printed]
    assert possible == [2, 6, 8, 10]
    assert all(row[4] for row in found)
    assert found[6] == (7, 0.0002, 1.0, False, True, 1.0, 0.0002, 0.0, 0.0004, 0.667)
    assert all(abs(row[7] - row[8]) <= 0.0015 for row in found)
