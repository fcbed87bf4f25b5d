"""The marts of the worlds on four worlds, three languages and two facts, worked out by hand.

Statements (1: the text states the fact) and right answers (r) of worlds w1 to w4. The coin of f1
has probability .5, that of f2 .25:

    fact  de            en       ja
    f1    0r 0  0  1r   1 1 0 0  0 0 0 0
    f2    0r 0r 1r 0    1 0 0 0  0 0 0 0

Effect of en's statement on de's answer, over the worlds in which de does not state the fact (f1 w1
w2 w3, f2 w1 w2 w4). Usual in de is 2/3 where one other language states the fact, 1/3 where none
does; answers less that: 1/3 -2/3 -1/3 and 1/3 2/3 -1/3; en and ja have only zeros. Expected is the
mean of the question's other worlds, and with the weight of four that of the fact's other worlds:

    f1 w1  (-2/3 - 1/3 + 4 (-1/7)) / 6 = -11/42      f2 w1  (1/3 + 4/24) / 6 = 1/12
    f1 w2  ( 0 + 0) / 6                = 0           f2 w2  ( 0 + 0) / 6     = 0
    f1 w3  (-1/3 + 4 (-1/18)) / 6      = -5/54       f2 w4  (1 + 4/7) / 6    = 11/42

Answer, less what is usual without en, less what is expected; and statement less coin: ``CELLS``.

True roots of f1 in de. Right when nowhere 0 of 1, elsewhere only 1 of 2, here only 1 of 1; usual
in de are 1 of 3, 2 of 3 and 2 of 2, which weigh as much as four worlds: scores (0 + 4/3) / 5 =
4/15, (1 + 8/3) / 6 = 11/18, and 1. Beyond guessing, others suffice for (11/18 - 4/15) / (11/15) =
31/66 and the own text for 1. So a right answer is a guess by 4/15, needs its own text by
11/15 x 35/66 = 7/18, and either suffices by 11/15 x 31/66 = 31/90.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import sqrt
from pathlib import Path

import pytest

from tests.helpers.tiny_lake import Row, build, language, model, prediction, rows, write_lake

STATED = {("de", "f1"): "0001", ("en", "f1"): "1100", ("ja", "f1"): "0000",
          ("de", "f2"): "0010", ("en", "f2"): "1000", ("ja", "f2"): "0000"}  # fmt: skip
RIGHT = {("de", "f1"): "1001", ("de", "f2"): "1110"}
LANGUAGES = ("de", "en", "ja")
CELLS = {
    ("f1", "w1"): (Fraction(1, 2), 1 - Fraction(1, 3) + Fraction(11, 42)),
    ("f1", "w2"): (Fraction(1, 2), 0 - Fraction(1, 3) - 0),
    ("f1", "w3"): (Fraction(-1, 2), 0 - Fraction(1, 3) + Fraction(5, 54)),
    ("f2", "w1"): (Fraction(3, 4), 1 - Fraction(1, 3) - Fraction(1, 12)),
    ("f2", "w2"): (Fraction(-1, 4), 1 - Fraction(1, 3) - 0),
    ("f2", "w4"): (Fraction(-1, 4), 0 - Fraction(1, 3) - Fraction(11, 42)),
}
"""(Fact, world) → unexpected statement of en, unexpected answer in de."""


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


def clustered(pulls: dict[tuple[str, str], Fraction], place: int | None) -> Fraction:
    """Variance of a sum by fact (0), world (1) or cell (None), corrected for few clusters."""
    sums: dict[object, Fraction] = defaultdict(Fraction)
    for cell, pull in pulls.items():
        sums[cell if place is None else cell[place]] += pull
    return sum((each**2 for each in sums.values()), Fraction(0)) * len(sums) / (len(sums) - 1)


def test_a_source_weight(warehouse: Path) -> None:
    spread = sum(statement**2 for statement, _ in CELLS.values())
    weight = sum(statement * answer for statement, answer in CELLS.values()) / spread
    assert spread == Fraction(23, 16)
    pulls = {
        cell: statement * (answer - weight * statement) / spread
        for cell, (statement, answer) in CELLS.items()
    }
    by_fact, by_world, by_cell = (clustered(pulls, place) for place in (0, 1, None))
    variance = max(by_fact + by_world - by_cell, by_cell)
    assert rows(
        warehouse,
        """select answer_count, fact_count, world_count, weight_score, standard_error_score,
                  log_prob_weight_score
           from source_weights
           where half_code = 'all' and source_language_code = 'en'
             and target_language_code = 'de'""",
    ) == [
        (
            6, 2, 4, pytest.approx(float(weight)), pytest.approx(sqrt(variance)),
            # Right and wrong answers are two nats apart.
            pytest.approx(2 * float(weight)),
        )
    ]  # fmt: skip


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
            *map(pytest.approx, (4 / 15, 11 / 18, 1, 4 / 15, 7 / 18, 31 / 90, 0, 24 / 55, 31 / 55)),
        )
    ]  # fmt: skip


def test_an_entry_of_the_confusion_matrix(warehouse: Path) -> None:
    """Two answers with one root: f1 as above, and f2, which nobody states and which is a guess."""
    assert rows(
        warehouse,
        """select rule_code, root_code, truth_code, is_claim, root_count, expected_sum,
             precision_score, recall_score, chance_score
           from root_accuracy
           where half_code = 'all' and labels_code = 'given' order by rule_code, truth_code""",
    ) == [
        (rule, root, truth, truth == root if rule == "calibrated" else None, 2,
         pytest.approx(expected), pytest.approx(expected / 2), 1, pytest.approx(expected / 2))
        for rule, root in (("calibrated", "guess"), ("paper", "undetermined"))
        for truth, expected in (
            ("either_suffices", 31 / 90), ("guess", 19 / 15), ("own_text_needed", 7 / 18)
        )
    ]  # fmt: skip


def test_survival_is_what_worlds_without_the_statement_answer(warehouse: Path) -> None:
    """Only f1 is stated and right; in w1 and w2 only en states it, and w1 is right."""
    assert rows(
        warehouse,
        """select rule_code, root_code, answer_count, world_answer_count, survived_count,
             survival_rate
           from root_survival
           where half_code = 'all' and labels_code = 'given' order by rule_code, root_code""",
    ) == [
        (rule, root, 1, 2, 1, 0.5)
        for rule, own in (("calibrated", "guess"), ("paper", "undetermined"))
        for root in ("all", own)
    ]


def test_p_at_1_by_where_the_world_states_the_fact(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select condition_code, right_count, answer_count from world_p_at_1
           where language_code = 'de' order by condition_code""",
    ) == [("elsewhere_only", 2, 3), ("here_only", 2, 2), ("nowhere", 1, 3)]
