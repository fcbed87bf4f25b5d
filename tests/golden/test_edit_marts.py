"""What edits change, worked out by hand: six facts of as many objects, or two where it says so."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from tiny_lake import WITHOUT_TESTS, build, language, model, rows, write_lake

FACTS = [f"f{number}" for number in range(6)]


def edit(
    fact: str, code: str, factor: float, related: float, random: float, unrelated: float | None
) -> list[dict[str, Any]]:
    """Three questions with these changes of log P, from -1 (the fact) and -2 (the other one)."""
    shared = {
        "model_id": "m", "language_code": "en", "fact_id": fact, "edit_set_code": code,
        "neuron_language_code": "all" if code == "likn" else "en", "edit_factor": factor,
        "neuron_count": 2 + int(fact[1]),
    }  # fmt: skip
    asks = [("related", False, -1.0, related), ("related", True, -1.0, random)]
    if unrelated is not None:
        asks.append(("unrelated", False, -2.0, unrelated))
    return [
        {
            **shared,
            "query_code": query,
            "is_random": is_random,
            "queried_fact_id": fact if query == "related" else "f0",
            "log_prob_before": before,
            "log_prob_after": before + delta,
        }
        for query, is_random, before, delta in asks
    ]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edits")
    edits: list[dict[str, Any]] = []
    for number, fact in enumerate(FACTS):
        edits += edit(fact, "own", 0.0, -1.0, -0.25, -0.5 if number == 0 else 0.0)
        edits += edit(fact, "own", 2.0, 0.5, 0.5, 0.125)
    edits += edit("f0", "likn", 0.0, -2.0, 0.0, -1.0)
    edits += edit("f1", "likn", 0.0, -1.0, 0.0, None)
    lake = write_lake(
        folder / "lake",
        languages=[language("en")],
        relations=[{"relation_id": "r", "relation_name": "r"}],
        facts=[
            {"fact_id": fact, "relation_id": "r", "subject_id": f"s{fact}", "object_id": f"o{fact}"}
            for fact in FACTS
        ],
        fact_labels=[],
        prompts=[],
        models=[model("m")],
        interventions=edits,
    )
    database, outcome = build(lake, folder / "build", "--select", "+edit_effects", *WITHOUT_TESTS)
    assert outcome.returncode == 0, outcome.stdout
    return database


def effects(database: Path, columns: str, where: str) -> list[tuple[Any, ...]]:
    return rows(database, f"select {columns} from edit_effects where {where} order by edit_factor")


def test_changes_are_means_over_facts_beside_their_controls(database: Path) -> None:
    columns = (
        "fact_count, unrelated_fact_count, neuron_count_mean, related_delta_score, "
        "unrelated_delta_score, random_delta_score, over_unrelated_score, over_random_score"
    )
    suppressed, doubled = effects(database, columns, "edit_set_code = 'own'")
    assert suppressed == pytest.approx((6, 6, 4.5, -1.0, -0.5 / 6, -0.25, -5.5 / 6, -0.75))
    assert doubled == pytest.approx((6, 6, 4.5, 0.5, 0.125, 0.5, 0.375, 0.0))
    (shared,) = effects(database, columns, "edit_set_code = 'likn'")
    # Only one of the two has an unrelated fact beside it, and it alone is compared with that.
    assert shared == pytest.approx((2, 1, 2.5, -1.5, -1.0, 0.0, -1.0, -1.5))


def test_a_change_that_is_the_same_for_all_facts_has_an_interval_of_no_width(
    database: Path,
) -> None:
    columns = "over_random_score_low, over_random_score_high, is_told_from_random"
    suppressed, doubled = effects(database, columns, "edit_set_code = 'own'")
    assert suppressed == pytest.approx((-0.75, -0.75, True))
    assert doubled == pytest.approx((0.0, 0.0, False))


def test_an_interval_holds_the_mean_that_varies(database: Path) -> None:
    columns = "unrelated_delta_score_low, unrelated_delta_score, unrelated_delta_score_high"
    low, mean, high = effects(database, columns, "edit_set_code = 'own'")[0]
    # The one fact that changes may be drawn not at all, or several times.
    assert -0.5 < low < mean < high == 0.0


def test_too_few_facts_give_no_interval_and_no_verdict(database: Path) -> None:
    columns = "related_delta_score_low, over_random_score_high, is_told_from_random"
    assert effects(database, columns, "edit_set_code = 'likn'") == [(None, None, None)]


def test_the_published_success_adds_the_ratios_of_suppression_and_doubling(
    database: Path,
) -> None:
    columns = "published_ratio_score, published_success_score"
    suppressed = (1 - math.exp(-1)) / ((1 - math.exp(-0.5)) / 6)
    doubled = (math.exp(0.5) - 1) / (math.exp(0.125) - 1)
    assert effects(database, columns, "edit_set_code = 'own'") == [
        pytest.approx((suppressed, suppressed + doubled)),
        pytest.approx((doubled, suppressed + doubled)),
    ]
    # Without doubling there is one ratio, and no success.
    ((ratio, success),) = effects(database, columns, "edit_set_code = 'likn'")
    mean = (1 - math.exp(-2) + 1 - math.exp(-1)) / 2
    assert ratio == pytest.approx(mean / (1 - math.exp(-1)))
    assert success is None
