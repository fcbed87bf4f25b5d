"""The marts of the worlds on four worlds, three languages and two facts, worked out by hand.

Statements (1: the text states the fact) and right answers (r) of worlds w1 to w4. The coin of f1
has probability .5, that of f2 .25:

    fact  de            en       ja
    f1    0r 0  0  1r   1 1 0 0  0 0 0 0
    f2    0r 0r 1r 0    1 0 0 0  0 0 0 0

Effect of en's statement on de's answer, over the worlds in which de does not state the fact.
Statement less coin, and answer, both less their means over the fact's worlds:

    f1  w1 w2 w3   statement  1/3  1/3 -2/3   answer  2/3 -1/3 -1/3
    f2  w1 w2 w4   statement  2/3 -1/3 -1/3   answer  1/3  1/3 -2/3

Slope: (1/3 + 1/3) / (2/3 + 2/3) = 1/2. Pulls (statement x residual / (4/3)): f1 1/8 -1/8 0, f2 0
-1/8 1/8. By fact they add up to 0, by world to 1/8, -1/4, 0, 1/8, so the variance by world is
(1 + 4 + 1) / 64 x 4/3 = 1/8. The two-way sum, 0 + 1/8 - 4/64 x 6/5, is lower, so 1/8 counts.

True roots of f1 in de. Right when nowhere 0 of 1, elsewhere only 1 of 2, here only 1 of 1; usual in
de are 1 of 3, 2 of 3 and 2 of 2, which weigh as much as two worlds: scores 2/9, 7/12, 1. Beyond
guessing others suffice for (7/12 - 2/9) / (7/9) = 13/28 and the own text for 1, so a right answer
is a guess by 2/9, needs its own text by 7/9 x 15/28 = 5/12, and either suffices by 13/36.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import pytest

from tests.helpers.tiny_lake import Row, build, language, model, prediction, rows, write_lake

STATED = {("de", "f1"): "0001", ("en", "f1"): "1100", ("ja", "f1"): "0000",
          ("de", "f2"): "0010", ("en", "f2"): "1000", ("ja", "f2"): "0000"}  # fmt: skip
RIGHT = {("de", "f1"): "1001", ("de", "f2"): "1110"}
LANGUAGES = ("de", "en", "ja")


def answers() -> list[Row]:
    """What the models of the four worlds answer."""
    return [
        {
            "world_id": f"w{world}", "arm_code": "named", "plan_index": world, "seed": 1,
            "language_code": code, "fact_id": fact,
            "stratum_code": "half" if fact == "f1" else "sparse",
            "is_stated": stated[world - 1] == "1",
            "stating_language_count": sum(
                other[world - 1] == "1" for (_, asked), other in STATED.items() if asked == fact
            ),
            "is_right": (is_right := RIGHT.get((code, fact), "0000")[world - 1] == "1"),
            "object_log_prob": -1.0 if is_right else -3.0,
            "object_rank": 1 if is_right else 7,
        }
        for world in (1, 2, 3, 4)
        for (code, fact), stated in STATED.items()
    ]  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds")
    # Model m has read f1 in de and en and f2 nowhere; it is right about both in de.
    lake = write_lake(
        folder / "lake",
        languages=[language(code, "Kana" if code == "ja" else "Latin") for code in LANGUAGES],
        relations=[{"relation_id": "r", "relation_name": "r"}],
        facts=[
            {"fact_id": fact, "relation_id": "r", "subject_id": f"s{fact}", "object_id": f"o{fact}"}
            for fact in ("f1", "f2")
        ],
        fact_labels=[
            {"language_code": code, "fact_id": fact, "subject_label": f"{fact}{code}",
             "object_label": f"o{fact}{code}"}
            for code, fact in STATED
        ],
        prompts=[
            {"language_code": code, "relation_id": "r", "template": "[X] [Y]"} for code in LANGUAGES
        ],
        models=[model("m", corpus_id="base")],
        predictions=[
            prediction("m", code, fact, [1], [1 if code == "de" else 2]) for code, fact in STATED
        ],
        atlas_truth=[
            {"corpus_id": "base", "language_code": code, "fact_id": fact,
             "is_planted": (is_planted := fact == "f1" and code != "ja"),
             "planted_count": 8 * is_planted}
            for code, fact in STATED
        ],
        world_answers=answers(),
    )  # fmt: skip
    database, outcome = build(lake, folder / "build", "--exclude-resource-type", "unit_test")
    assert outcome.returncode == 0, outcome.stdout
    return database


def test_a_source_weight(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select answer_count, fact_count, world_count, weight_score, standard_error_score,
                  log_prob_weight_score
           from source_weights
           where half_code = 'all' and source_language_code = 'en'
             and target_language_code = 'de'""",
    ) == [(6, 2, 4, pytest.approx(1 / 2), pytest.approx(sqrt(1 / 8)), pytest.approx(1.0))]


def test_a_source_that_never_states_a_fact_has_no_weight(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select count(*), count(weight_score) from source_weights
           where source_language_code = 'ja'""",
    ) == [(0, 0)]


def test_a_cell_of_the_truth(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select nowhere_right_count, nowhere_count, elsewhere_only_right_count,
                  elsewhere_only_count, here_only_right_count, here_only_count,
                  here_and_elsewhere_count, nowhere_score, elsewhere_only_score, here_only_score,
                  stated_guess_probability, stated_own_text_needed_probability,
                  stated_either_suffices_probability, stated_transferred_probability,
                  unstated_guess_probability, unstated_transferred_probability
           from fct_true_roots
           where half_code = 'all' and language_code = 'de' and fact_id = 'f1'""",
    ) == [
        (
            0, 1, 1, 2, 1, 1, 0,
            *map(pytest.approx, (2 / 9, 7 / 12, 1, 2 / 9, 5 / 12, 13 / 36, 0, 8 / 21, 13 / 21)),
        )
    ]  # fmt: skip


def test_an_entry_of_the_confusion_matrix(warehouse: Path) -> None:
    """Two undetermined answers: f1 as above, and f2, which nobody states and which is a guess."""
    assert rows(
        warehouse,
        """select truth_code, root_count, expected_sum, precision_score, recall_score, chance_score
           from root_accuracy
           where half_code = 'all' and labels_code = 'given' order by truth_code""",
    ) == [
        (truth, 2, pytest.approx(expected), pytest.approx(expected / 2), 1,
         pytest.approx(expected / 2))
        for truth, expected in (
            ("either_suffices", 13 / 36), ("guess", 11 / 9), ("own_text_needed", 5 / 12)
        )
    ]  # fmt: skip


def test_survival_is_what_worlds_without_the_statement_answer(warehouse: Path) -> None:
    """Only f1 is stated and right; in w1 and w2 only en states it, and w1 is right."""
    assert rows(
        warehouse,
        """select root_code, answer_count, world_answer_count, survived_count, survival_rate
           from root_survival
           where half_code = 'all' and labels_code = 'given' order by root_code""",
    ) == [("all", 1, 2, 1, 0.5), ("undetermined", 1, 2, 1, 0.5)]


def test_p_at_1_by_where_the_world_states_the_fact(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select condition_code, right_count, answer_count from world_p_at_1
           where language_code = 'de' order by condition_code""",
    ) == [("elsewhere_only", 2, 3), ("here_only", 2, 2), ("nowhere", 1, 3)]
