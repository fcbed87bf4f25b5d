"""The marts about wordings on four facts in three wordings, worked out by hand.

    fact  object  1      2      3        neurons in 1, 2, 3
    f1    o1      right  right  right    1 2, 1 3, 2 3
    f2    o1      right  9      9        4 5
    f3    o2      9      right  8        1 9 (in 2)
    f4    o3      9      9      9

right:        1: 2 of 4, 2: 2 of 4, 3: 1 of 4; mean 5 / 12, any 3, all 1
same answer:  f1 3, f2 1, f3 0, f4 3 of three pairs each: 7 of 12

Only f1 is right in two wordings. Its sets share one of three neurons in each of three pairs. Of
the other facts right in wording 2, f3 shares neuron 1 with it; in wording 1, f2 shares none.
f5 is asked in one wording alone, and in German nothing is asked in other words. The text states all
facts but f2, whose root is transferred; f1 has none that could be determined without other neurons.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import pytest

from tests.helpers.tiny_lake import (
    WITHOUT_TESTS,
    build,
    corpus_size,
    language,
    model,
    occurrence,
    prediction,
    rows,
    write_lake,
)

FACTS = {"f1": "o1", "f2": "o1", "f3": "o2", "f4": "o3", "f5": "o1"}
GOLD = {fact: [10 + number] for number, fact in enumerate(FACTS)}
ANSWERS = {
    "f1": ([10], [10], [10]),
    "f2": ([11], [9], [9]),
    "f3": ([9], [12], [8]),
    "f4": ([9], [9], [9]),
}
NEURONS = {
    ("f1", "1"): (1, 2), ("f1", "2"): (1, 3), ("f1", "3"): (2, 3), ("f2", "1"): (4, 5),
    ("f3", "2"): (1, 9),
}  # fmt: skip


def tables() -> dict:
    further = [
        {**prediction("m", "en", fact, GOLD[fact], answers[place]), "template_id": str(place + 1)}
        for fact, answers in ANSWERS.items()
        for place in (1, 2)
    ]
    first = [
        prediction("m", code, fact, GOLD[fact], ANSWERS[fact][0] if fact in ANSWERS else GOLD[fact])
        for code in ("de", "en")
        for fact in FACTS
    ]
    # Token 6 is left out of an answer; with two masks f1 is right in wording 2 alone.
    first.append(prediction("n", "en", "f1", GOLD["f1"], [9]))
    ignored = [
        {**prediction("n", "en", "f1", GOLD["f1"], answer), "template_id": "2"}
        for answer in ([9], [6, 10])
    ]
    return {
        "languages": [language("de"), language("en")],
        "relations": [{"relation_id": r, "relation_name": r} for r in ("P36", "P30")],
        "facts": [
            {"fact_id": f, "relation_id": "P30" if f == "f5" else "P36", "subject_id": f,
             "object_id": o}
            for f, o in FACTS.items()
        ],
        "fact_labels": [
            {"language_code": c, "fact_id": f, "subject_label": f, "object_label": o}
            for c in ("de", "en")
            for f, o in FACTS.items()
        ],
        "prompts": [
            {"language_code": c, "relation_id": r, "template": f"[X] {c} [Y]"}
            for c in ("de", "en")
            for r in ("P36", "P30")
        ],
        "wordings": [
            {"language_code": "en", "relation_id": "P36", "template_id": name,
             "template": f"[X] {name} [Y]"}
            for name in ("2", "3", "4")
        ],
        "rejected_rows": [
            {"language_code": "en", "source_file": "f.csv", "line_number": 3, "reason": "bad",
             "line_text": "x"}
        ],
        "rejected_wordings": [
            {"language_code": "en", "source_file": "w.csv", "line_number": 2, "reason": "no slot",
             "line_text": "y"}
        ],
        "models": [model("m", corpus_id="wiki"), model("n", ignored_token_id=6, mask_counts="all")],
        "predictions": first,
        "corpus_sizes": [corpus_size("wiki", code) for code in ("de", "en")],
        "occurrences": [
            occurrence("wiki", code, "chunk", fact, int(fact != "f2"))
            for code in ("de", "en")
            for fact in FACTS
        ],
        "label_tokens": [
            {"model_id": "m", "language_code": code, "fact_id": fact, "subject_folded": fact,
             "object_folded": thing, "subject_tokens": [fact], "object_tokens": [thing]}
            for code in ("de", "en")
            for fact, thing in FACTS.items()
        ],
        "wording_predictions": further + ignored,
        "wording_neurons": [
            {"model_id": "m", "language_code": "en", "template_id": wording, "fact_id": fact,
             "method_code": "probeless", "neuron_rank": rank, "layer_index": 0,
             "neuron_index": neuron, "neuron_score": 1.0}
            for (fact, wording), neurons in NEURONS.items()
            for rank, neuron in enumerate(neurons, 1)
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wordings")
    lake = write_lake(folder / "lake", **tables())
    marts = (
        "p_at_1_by_wording",
        "wording_agreement",
        "neuron_stability_by_wording",
        "root_stability_by_wording",
        "rejected_rows",
    )
    database, outcome = build(
        lake, folder / "build", "--select", *(f"+{mart}" for mart in marts), *WITHOUT_TESTS
    )
    assert outcome.returncode == 0, outcome.stdout
    return database


def test_p_at_1_has_a_row_for_each_wording_that_is_asked(warehouse: Path) -> None:
    columns = "language_code, relation_id, template_id, template, fact_count, right_count"
    found = rows(warehouse, f"select model_id, {columns}, right_rate from p_at_1_by_wording")
    own = [
        ("1", "[X] en [Y]", 4, 2, 0.5),
        ("2", "[X] 2 [Y]", 4, 2, 0.5),
        ("3", "[X] 3 [Y]", 4, 1, 0.25),
    ]
    other = [("1", "[X] en [Y]", 1, 0, 0.0), ("2", "[X] 2 [Y]", 1, 1, 1.0)]
    assert found == [
        ("m", "en", "P36", *row) for row in own
    ] + [("m", "en", "all", row[0], None, *row[2:]) for row in own] + [
        ("n", "en", "P36", *row) for row in other
    ] + [("n", "en", "all", row[0], None, *row[2:]) for row in other]  # fmt: skip


def test_the_interval_of_a_wording_is_clustered_by_object(warehouse: Path) -> None:
    """o1 is right twice, o2 and o3 never: as certain as 16/9 independent facts."""
    ((low, high),) = rows(
        warehouse,
        """select right_rate_low, right_rate_high from p_at_1_by_wording
           where model_id = 'm' and relation_id = 'P36' and template_id = '1'""",
    )
    z, df = 1.959964, 2
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    t = z + sum(term / df**place for place, term in enumerate(terms, 1))
    n, rate = 0.25 * 16 * (2 / 3) / 1.5, 0.5
    centre = rate + t * t / (2 * n)
    half = t * sqrt((rate * (1 - rate) + t * t / (4 * n)) / n)
    assert low == pytest.approx((centre - half) / (1 + t * t / n))
    assert high == pytest.approx((centre + half) / (1 + t * t / n))


def test_agreement_counts_first_mean_any_all_and_equal_answers(warehouse: Path) -> None:
    found = rows(
        warehouse,
        """select model_id, relation_id, wording_count, fact_count, first_count, any_count,
           all_count, answer_count, right_answer_count, pair_count, same_pair_count, first_rate,
           mean_rate, any_rate, all_rate, same_answer_rate from wording_agreement""",
    )
    counts = (3, 4, 2, 3, 1, 12, 5, 12, 7)
    rates = (2 / 4, 5 / 12, 3 / 4, 1 / 4, 7 / 12)
    assert found[:2] == [("m", relation, *counts, *rates) for relation in ("P36", "all")]
    assert found[2:] == [
        # The answers with as many masks as the object has tokens are both 9.
        ("n", relation, 2, 1, 0, 1, 0, 2, 1, 1, 1, 0.0, 0.5, 1.0, 0.0, 1.0)
        for relation in ("P36", "all")
    ]


def test_neurons_are_compared_with_those_of_other_words_and_other_facts(warehouse: Path) -> None:
    found = rows(
        warehouse,
        """select model_id, language_code, fact_count, wording_pair_count, chance_score,
           neuron_jaccard_score, relation_null_count, relation_null_score, object_null_count,
           object_null_score, same_wording_count, same_wording_score, wording_excess_score,
           neuron_jaccard_score_low from neuron_stability_by_wording""",
    )
    chance = (2 * 2 / 16) / (4 - 2 * 2 / 16)
    assert found == [
        pytest.approx(("m", "en", 1, 3, chance, 1 / 3, 1, 1 / 3, 0, None, 3, 1 / 9, 2 / 9, None))
    ]


def test_rejected_lines_of_both_files_are_listed(warehouse: Path) -> None:
    files = rows(warehouse, "select source_file, reason from rejected_rows order by all")
    assert files == [("f.csv", "bad"), ("w.csv", "no slot")]


def test_a_root_is_kept_where_the_answer_stays_right(warehouse: Path) -> None:
    found = rows(
        warehouse,
        """select root_code, template_id, fact_count, kept_count, kept_rate
           from root_stability_by_wording where model_id = 'm'""",
    )
    assert found == [
        ("all", "2", 4, 2, 0.5),
        ("all", "3", 4, 3, 0.75),
        ("not_right", "2", 2, 1, 0.5),
        ("not_right", "3", 2, 2, 1.0),
        ("transferred", "2", 1, 0, 0.0),
        ("transferred", "3", 1, 0, 0.0),
        ("undetermined", "2", 1, 1, 1.0),
        ("undetermined", "3", 1, 1, 1.0),
    ]
