"""Effects of edits, worked out by hand: eight facts with eight objects, or two where noted.

Pairs of neurons in English, as changes of log P from -1 (the thresholds are ln 0.8 = -0.223 and
ln 0.75 = -0.288), and 20 random pairs whose interactions are 0, 0.01, ..., 0.19:

    fact   neurons        without a   without b   without both   interaction
    f0     0.1 and 1.2    -0.1        -0.1        -0.5           0.3   degenerate
    f1     1.1 and 1.3    -0.2        -0.2        -0.4           0.0   by the thresholds alone
    f1     1.3 and 0.4    -0.2        -0.3        -0.9           0.4   one alone costs too much

In German there is the first of these pairs, and only five random ones.
"""

from __future__ import annotations

import math
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from tests.helpers.tiny_lake import WITHOUT_TESTS, build, language, model, rows, write_lake

MARTS = ("+edit_effects", "+degeneracy_by_language", "+degenerate_neurons")
FACTS = [f"f{number}" for number in range(8)]
VARIED = [-0.5, -0.25, -1.0, -0.75, 0.25, -0.5, -1.25, 0.0]
"""Effect of another language's neurons on each fact, less that of random ones."""


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


def pair(
    code: str,
    fact: str,
    ranks: tuple[int, int],
    neurons: tuple[tuple[int, int], tuple[int, int]],
    deltas: tuple[float, float, float],
    is_random: bool = False,
) -> dict[str, Any]:
    first, second = neurons
    return {
        "model_id": "m",
        "language_code": code,
        "fact_id": fact,
        "is_random": is_random,
        "neuron_rank_a": ranks[0],
        "neuron_rank_b": ranks[1],
        "layer_index_a": first[0],
        "neuron_index_a": first[1],
        "layer_index_b": second[0],
        "neuron_index_b": second[1],
        "log_prob": -1.0,
        "log_prob_without_a": -1.0 + deltas[0],
        "log_prob_without_b": -1.0 + deltas[1],
        "log_prob_without_both": -1.0 + deltas[2],
    }


def pairs() -> list[dict[str, Any]]:
    found = [
        pair("en", "f0", (1, 2), ((0, 1), (1, 2)), (-0.1, -0.1, -0.5)),
        pair("en", "f1", (1, 2), ((1, 1), (1, 3)), (-0.2, -0.2, -0.4)),
        pair("en", "f1", (2, 3), ((1, 3), (0, 4)), (-0.2, -0.3, -0.9)),
        pair("de", "f0", (1, 2), ((0, 1), (1, 2)), (-0.1, -0.1, -0.5)),
    ]
    for code, count in (("en", 20), ("de", 5)):
        for number, ranks in enumerate(islice(combinations(range(1, 8), 2), count)):
            places = ((0, ranks[0]), (0, ranks[1]))
            found.append(pair(code, "f0", ranks, places, (0.0, 0.0, -0.01 * number), True))
    return found


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edits")
    edits: list[dict[str, Any]] = []
    for number, fact in enumerate(FACTS):
        edits += edit(fact, "own", 0.0, -1.0, -0.25, -0.5 if number == 0 else 0.0)
        edits += edit(fact, "own", 2.0, 0.5, 0.5, 0.125)
    for fact, effect in zip(FACTS, VARIED, strict=True):
        edits += edit(fact, "other", 0.0, effect, 0.0, 0.0)
    edits += edit("f0", "likn", 0.0, -2.0, 0.0, -1.0)
    edits += edit("f1", "likn", 0.0, -1.0, 0.0, None)
    lake = write_lake(
        folder / "lake",
        languages=[language("de"), language("en")],
        relations=[{"relation_id": "r", "relation_name": "r"}],
        facts=[
            {"fact_id": fact, "relation_id": "r", "subject_id": f"s{fact}", "object_id": f"o{fact}"}
            for fact in FACTS
        ],
        fact_labels=[],
        prompts=[],
        models=[model("m")],
        interventions=edits,
        degenerate_pairs=pairs(),
    )
    database, outcome = build(
        lake,
        folder / "build",
        "--select",
        "+edit_effects +degeneracy_by_language +degenerate_neurons",
        *WITHOUT_TESTS,
    )
    assert outcome.returncode == 0, outcome.stdout
    return database


def effects(database: Path, columns: str, where: str) -> list[tuple[Any, ...]]:
    return rows(database, f"select {columns} from edit_effects where {where} order by edit_factor")


def test_changes_are_means_over_facts_beside_their_controls(database: Path) -> None:
    columns = (
        "fact_count, unrelated_fact_count, mean_neuron_count, related_delta_score, "
        "unrelated_delta_score, random_delta_score, over_unrelated_score, over_random_score"
    )
    suppressed, doubled = effects(database, columns, "edit_set_code = 'own'")
    assert suppressed == pytest.approx((8, 8, 5.5, -1.0, -0.5 / 8, -0.25, -7.5 / 8, -0.75))
    assert doubled == pytest.approx((8, 8, 5.5, 0.5, 0.125, 0.5, 0.375, 0.0))
    (shared,) = effects(database, columns, "edit_set_code = 'likn'")
    # Only one of the two has an unrelated fact, and it alone is compared with that.
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
    # One fact of eight changes, by -0.5: Student's interval with seven degrees of freedom.
    reach = 2.364624 * math.sqrt((7 * 0.0625**2 + 0.4375**2) * 8 / 7) / 8
    assert (low, mean, high) == pytest.approx((-0.0625 - reach, -0.0625, -0.0625 + reach), rel=1e-4)


def test_edits_are_told_from_random_after_correction_for_all_of_them(database: Path) -> None:
    """Four edits, three of them tested: p of -0.75 for every fact is 0, of no difference 1."""
    columns = "over_random_p_value, over_random_adjusted_p_value, is_told_from_random"
    assert effects(database, columns, "edit_set_code = 'own'") == [(0, 0, True), (1, 1, False)]
    assert effects(database, columns, "edit_set_code = 'likn'") == [(None, None, None)]
    drawn = effects(database, columns, "edit_set_code = 'other'")
    _, p = stats.ttest_1samp(VARIED, 0)
    assert drawn == [(pytest.approx(p, rel=0.01), pytest.approx(p * 3 / 2, rel=0.01), True)]


def test_too_few_facts_give_no_interval_and_no_verdict(database: Path) -> None:
    columns = "related_delta_score_low, over_random_score_high, is_told_from_random"
    assert effects(database, columns, "edit_set_code = 'likn'") == [(None, None, None)]


def test_the_published_success_adds_the_ratios_of_suppression_and_doubling(
    database: Path,
) -> None:
    columns = "published_ratio_score, published_success_score"
    suppressed = (1 - math.exp(-1)) / ((1 - math.exp(-0.5)) / 8)
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


def test_pairs_are_degenerate_above_the_random_pairs_not_by_thresholds_alone(
    database: Path,
) -> None:
    found = rows(
        database,
        "select fact_id, neuron_rank_a, round(interaction_score, 6), round(null_score, 6), "
        "is_published_degenerate, is_degenerate "
        "from fct_degenerate_pairs where language_code = 'en' and not is_random order by all",
    )
    # The 95 % quantile lies between the 19th and the 20th of the random pairs, at 18.05.
    assert found == [
        ("f0", 1, 0.3, 0.1805, True, True),
        ("f1", 1, 0.0, 0.1805, True, False),
        ("f1", 2, 0.4, 0.1805, False, False),
    ]


def test_degenerate_pairs_are_counted_beside_the_random_ones(database: Path) -> None:
    found = rows(
        database,
        "select language_code, fact_count, pair_count, published_pair_count, "
        "degenerate_pair_count, random_pair_count, published_random_pair_count, "
        "degenerate_random_pair_count, null_score is null from degeneracy_by_language "
        "order by language_code",
    )
    assert found == [
        ("de", 1, 1, 1, None, 5, 0, None, True),
        ("en", 2, 3, 2, 1, 20, 0, 0, False),
    ]


def test_degenerate_neurons_count_once_a_fact_in_their_layer(database: Path) -> None:
    found = rows(
        database,
        "select layer_index, knowledge_neuron_count, knowledge_layer_score, "
        "published_neuron_count, published_layer_score, degenerate_neuron_count, "
        "degenerate_layer_score from degenerate_neurons where language_code = 'en' order by 1",
    )
    assert found == [(0, 2, 0.4, 1, 0.25, 1, 0.5), (1, 3, 0.6, 3, 0.75, 1, 0.5)]
