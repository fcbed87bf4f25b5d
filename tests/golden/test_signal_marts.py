"""Marts of the signals, worked out by hand: six facts with six objects, asked in German.

Log-probabilities of names at the first layer (`=` where the name has the tokens of the German one):

    fact      right object                another object              best name
    f0 - f3   de -3, en -1, ru -2         de -2, en -4, ru -5         English; German of the other
    f4        de -1 (rank 1), en -2       de -2, en -3                German; German of the other
    f5        de -1, fr =                 nothing                     no choice: not counted

Patched queries at one layer, source in English: the answers of f0 - f3 become the source's object,
those of f4 and f5 stay their own. f0 - f4 have a third fact, whose object is never the answer; f0
and f1 have a name in the source language, which is never the answer either.

    fact      change of log P of the source's object   of the third fact's
    f0 - f3   +2                                       +0.5
    f4        -1                                       +0.5
    f5        -1                                       -

With a source in German all six follow; asked in English with a German source, f0 does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.tiny_lake import WITHOUT_TESTS, build, language, model, rows, write_lake

FACTS = [f"f{number}" for number in range(6)]
MARTS = (
    "+latent_language_by_layer +patches_by_language_pair +patches_by_layer "
    "+fct_edit_effects_by_pair"
)


def names(
    fact: str, is_random: bool, log_probs: dict[str, float], same: str = "", first: str = ""
) -> Iterator[dict[str, Any]]:
    """Rows of ``latent_languages`` for the names of one object."""
    for code, log_prob in log_probs.items():
        yield {
            "model_id": "m", "language_code": "de", "fact_id": fact, "layer_index": 0,
            "is_random": is_random, "name_language_code": code, "object_id": f"o{fact}",
            "is_same_name": code in ("de", same), "token_count": 1,
            "name_rank": 1 if code == first else 5, "name_log_prob": log_prob,
        }  # fmt: skip


def all_names() -> Iterator[dict[str, Any]]:
    for fact in FACTS[:4]:
        yield from names(fact, False, {"de": -3.0, "en": -1.0, "ru": -2.0})
        yield from names(fact, True, {"de": -2.0, "en": -4.0, "ru": -5.0})
    yield from names("f4", False, {"de": -1.0, "en": -2.0}, first="de")
    yield from names("f4", True, {"de": -2.0, "en": -3.0})
    yield from names("f5", False, {"de": -1.0, "fr": -1.0}, same="fr")


def patch(asked: str, source: str, fact: str, answers: dict[str, tuple[bool, float]]) -> Any:
    """Rows of ``patches``: answer → whether it is the top one, and its change of log P."""
    other = {"own": fact, "control": "third"}
    return [
        {
            "model_id": "m", "language_code": asked, "source_language_code": source,
            "fact_id": fact, "source_fact_id": "other", "position_code": "object",
            "layer_index": 1, "answer_code": code, "answer_fact_id": other.get(code, "other"),
            "log_prob_before": -3.0, "log_prob_after": -3.0 + delta, "is_top": is_top,
        }
        for code, (is_top, delta) in answers.items()
    ]  # fmt: skip


def all_patches() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, fact in enumerate(FACTS):
        follows = number < 4
        answers = {"own": (not follows, -1.0), "source": (follows, 2.0 if follows else -1.0)}
        if number < 5:
            answers["control"] = (False, 0.5)
        if number < 2:
            answers["source_name"] = (False, 0.0)
        found += patch("de", "en", fact, answers)
        found += patch("de", "de", fact, {"own": (False, -5.0), "source": (True, 5.0)})
    return found + patch("en", "de", "f0", {"own": (True, 0.0), "source": (False, 0.0)})


def edits() -> list[dict[str, Any]]:
    shared = {
        "model_id": "m", "language_code": "de", "fact_id": "f0", "edit_set_code": "other",
        "neuron_language_code": "en", "edit_factor": 0.0, "query_code": "related",
        "queried_fact_id": "f0", "neuron_count": 3, "log_prob_before": -1.0,
    }  # fmt: skip
    return [
        {**shared, "is_random": False, "log_prob_after": -2.5},
        {**shared, "is_random": True, "log_prob_after": -1.25},
    ]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signals")
    lake = write_lake(
        folder / "lake",
        languages=[*(language(code) for code in ("de", "en", "fr")), language("ru", "Cyrillic")],
        relations=[{"relation_id": "r", "relation_name": "r"}],
        facts=[
            {"fact_id": fact, "relation_id": "r", "subject_id": f"s{fact}", "object_id": f"o{fact}"}
            for fact in FACTS
        ],
        fact_labels=[],
        prompts=[],
        models=[model("m")],
        latent_languages=all_names(),
        patches=all_patches(),
        interventions=edits(),
    )
    database, outcome = build(lake, folder / "build", "--select", MARTS, *WITHOUT_TESTS)
    assert outcome.returncode == 0, outcome.stdout
    return database


def test_the_best_name_of_a_layer_is_counted_by_its_language(database: Path) -> None:
    found = rows(
        database,
        "select name_group_code, fact_count, named_fact_count, best_count, best_rate, first_count, "
        "random_fact_count, random_best_count, random_best_rate, over_random_score "
        "from latent_language_by_layer where layer_index = 0 order by name_group_code",
    )
    assert found == [
        ("asked", 5, 5, 1, 0.2, 1, 5, 5, 1.0, pytest.approx(-0.8)),
        ("english", 5, 5, 4, 0.8, 0, 5, 0, 0.0, pytest.approx(0.8)),
        ("other_script", 5, 4, 0, 0.0, 0, 5, 0, 0.0, 0.0),
        ("same_script", 5, 0, 0, 0.0, 0, 5, 0, 0.0, 0.0),
    ]


def test_log_probabilities_stand_next_to_those_of_another_object(database: Path) -> None:
    found = rows(
        database,
        "select name_group_code, log_prob_score, log_prob_over_random_score "
        "from latent_language_by_layer order by name_group_code",
    )
    assert found == [
        ("asked", pytest.approx((4 * -3 - 1) / 5), pytest.approx((4 * -1 + 1) / 5)),
        ("english", pytest.approx((4 * -1 - 2) / 5), pytest.approx((4 * 3 + 1) / 5)),
        ("other_script", -2.0, 3.0),
        ("same_script", None, None),
    ]


def test_answers_after_a_patch_are_counted_per_pair_of_languages(database: Path) -> None:
    ((*counts, over_control, delta, over_delta),) = rows(
        database,
        "select language_pair_code, fact_count, source_count, source_rate, own_count, "
        "source_name_fact_count, source_name_count, control_fact_count, control_count, "
        "over_control_score, source_delta_score, delta_over_control_score "
        "from patches_by_language_pair where language_code = 'de' and source_language_code = 'en'",
    )
    assert counts == ["same_script", 6, 4, pytest.approx(4 / 6), 2, 2, 0, 5, 0]
    assert over_control == pytest.approx(4 / 5)
    assert delta == pytest.approx((4 * 2 - 2) / 6)
    assert over_delta == pytest.approx((4 * 1.5 - 1.5) / 5)


def test_a_layer_is_summed_over_pairs_of_languages(database: Path) -> None:
    found = rows(
        database,
        "select language_pair_code, language_pair_count, fact_count, patch_count, source_count, "
        "source_rate, own_count, control_patch_count, control_rate "
        "from patches_by_layer order by 1",
    )
    assert found == [
        ("same_language", 1, 6, 6, 6, 1.0, 0, 0, None),
        ("same_script", 2, 6, 7, 4, pytest.approx(4 / 7), 3, 5, 0.0),
    ]
    ((low, high),) = rows(
        database,
        "select source_rate_low, source_rate_high from patches_by_layer "
        "where language_pair_code = 'same_language'",
    )
    # Wilson's interval of 6 of 6, with Student's quantile of six facts: 2.57 for five degrees.
    assert low == pytest.approx(1 / (1 + 2.57**2 / 6), abs=0.005)
    assert high == 1.0


def test_an_edit_of_another_languages_neurons_is_there_for_every_fact(database: Path) -> None:
    found = rows(
        database,
        "select language_code, neuron_language_code, fact_id, edit_factor, neuron_count, "
        "object_log_prob, delta_score, random_delta_score, over_random_score "
        "from fct_edit_effects_by_pair",
    )
    assert found == [("de", "en", "f0", 0.0, 3, -1.0, -1.5, -0.25, -1.25)]
