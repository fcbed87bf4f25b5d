"""The marts of the signals on two languages and a few facts, worked out by hand.

Name cues. In Russian (two facts of P17, one of P36), written in Latin letters:

    fact  subject       object   in common        other object (of)
    f1    bankkitaya    kitay    kitay 5 of 5     peru 0 of 4   (f2)
    f2    rekaperuan    peru     peru  4 of 4     kitay 1 of 5  (f1)
    f3    rim           rim      rim   3 of 3     none: no other fact of P36

Changed facts. In Russian three facts get a new object (log P of it, before → after; * the answer):

    fact  new object    asked in Russian   in English    control in English
    f1    Перу, Peru    -9 → -0.1*         -8 → -2*      -7 → -5
    f2    Oslo, Oslo    -9 → -0.1*         -8 → -5       -7 → -6*
    f3    Рим, Rome     -9 → -0.1*         -8 → -1*      no control

In English two of three arrive, with another name two of two; of the controls one of two. Excess of
f1 is 6 - 2 = 4, of f2 3 - 1 = 2: mean 3, variance ((4 - 3)² + (2 - 3)²) / 1 / 2 = 1.

Text gradients of Russian queries; texts about f1, f2 and f4, facts of one relation (BM25 is 0):

    query  English texts       Russian texts
    f1     0.5* 0.1  0.3       0.4* 0.8  0.9
    f2     0.6  0.2* 0.2       0.7  -    0.1

English: the others of f1 have mean 0.2 and deviation 0.1 √2, so its text is 3 / √2 above them;
those of f2 have 0.4 and 0.2 √2, so it is 1 / √2 below. One of two comes first; mean excess 1 / √2,
variance ((2 / √2)² + (2 / √2)²) / 1 / 2 = 2. Raw, a Russian text about another fact is the most
similar to f1 (0.9); normalised, the English text that states it is. f2 has no Russian text.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import polars as pl
import pytest

from ingestion.tracing import name_cues
from tests.helpers.tiny_lake import Row, build, language, model, rows, write_lake

LABELS = {
    "f1": ("Банк Китая", "Китай"),
    "f2": ("Река Перуан", "Перу"),
    "f3": ("Рим", "Рим"),
}
RELATIONS = {"f1": "P17", "f2": "P17", "f3": "P36"}

NEW = {"f1": ("Перу", "Peru"), "f2": ("Oslo", "Oslo"), "f3": ("Рим", "Rome")}
CHANGED = {
    ("f1", "ru", "edited"): (-9.0, -0.1, True), ("f1", "en", "edited"): (-8.0, -2.0, True),
    ("f2", "ru", "edited"): (-9.0, -0.1, True), ("f2", "en", "edited"): (-8.0, -5.0, False),
    ("f3", "ru", "edited"): (-9.0, -0.1, True), ("f3", "en", "edited"): (-8.0, -1.0, True),
    ("f1", "en", "control"): (-7.0, -5.0, False), ("f2", "en", "control"): (-7.0, -6.0, True),
}  # fmt: skip
"""(Fact, language asked, subject) → log P of the new object before and after, and whether it is the
answer after."""
SIMILAR = {
    ("f1", "en"): {"f1": 0.5, "f2": 0.1, "f4": 0.3},
    ("f1", "ru"): {"f1": 0.4, "f2": 0.8, "f4": 0.9},
    ("f2", "en"): {"f1": 0.6, "f2": 0.2, "f4": 0.2},
    ("f2", "ru"): {"f1": 0.7, "f4": 0.1},
}
"""(Fact of the query, language of the texts) → fact of a text → similarity."""


def tables() -> dict[str, list[Row]]:
    facts = [
        {"fact_id": f, "relation_id": relation, "subject_id": f"s{f}", "object_id": f"o{f}"}
        for f, relation in RELATIONS.items()
    ]
    labels = [
        {"language_code": "ru", "fact_id": f, "subject_label": subject, "object_label": answer}
        for f, (subject, answer) in LABELS.items()
    ]
    return {
        "languages": [language("ru", "Cyrillic"), language("en")],
        "relations": [{"relation_id": r, "relation_name": r} for r in ("P17", "P36")],
        "facts": facts,
        "fact_labels": labels,
        "name_cues": name_cues(pl.DataFrame(labels), pl.DataFrame(facts), "ru").to_dicts(),
        "models": [model("m")],
        "edit_propagations": [
            {
                "model_id": "m",
                "language_code": "ru",
                "fact_id": fact,
                "target_language_code": asked,
                "query_code": query,
                "queried_fact_id": fact if query == "edited" else "other",
                "new_object_id": "o",
                "new_object_label": NEW[fact][asked == "en"],
                "step_count": 2,
                "new_log_prob_before": before,
                "new_log_prob_after": after,
                "is_new_top_before": False,
                "is_new_top_after": is_top,
                "old_log_prob_before": -1.0,
                "old_log_prob_after": -2.0,
            }
            for (fact, asked, query), (before, after, is_top) in CHANGED.items()
        ],
        "text_gradients": [
            {
                "model_id": "m",
                "language_code": "ru",
                "fact_id": fact,
                "text_language_code": code,
                "text_fact_id": text,
                "gradient_score": score,
                "bm25_score": 0.0,
            }
            for (fact, code), texts in SIMILAR.items()
            for text, score in texts.items()
        ],
    }


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signals")
    lake = write_lake(folder / "lake", **tables())
    database, outcome = build(
        lake, folder / "build", "--select", "+path:models/marts/signals",
        "--indirect-selection", "cautious",
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stdout
    return database


def test_a_name_gives_its_object_away_in_another_form(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select fact_id, common_letter_count, object_letter_count, name_overlap_score,
                  is_name_cue, other_fact_id, other_name_overlap_score, is_other_name_cue
           from fct_name_cues order by fact_id""",
    ) == [
        ("f1", 5, 5, 1.0, True, "f2", 0.0, False),
        ("f2", 4, 4, 1.0, True, "f1", pytest.approx(1 / 5), False),
        # Three letters are too few to tell.
        ("f3", 3, 3, 1.0, False, None, None, None),
    ]


def test_cues_are_counted_beside_those_of_chance(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select language_code, fact_count, cue_count, cue_rate, other_count, other_cue_count,
                  other_cue_rate from name_cues_by_language""",
    ) == [("ru", 3, 2, pytest.approx(2 / 3), 2, 0, 0.0)]


def test_a_changed_fact_arrives_in_another_language(warehouse: Path) -> None:
    half = 1.959964
    assert rows(
        warehouse,
        """select target_language_code, name_code, fact_count, before_count, propagated_count,
                  control_count, control_propagated_count, excess_score, excess_score_low,
                  excess_score_high
           from edit_propagation_by_language_pair where source_language_code = 'ru'
           order by target_language_code, name_code""",
    ) == [
        ("en", "all", 3, 0, 2, 2, 1, 3.0, pytest.approx(3 - half), pytest.approx(3 + half)),
        ("en", "other_name", 2, 0, 2, 1, 0, 4.0, None, None),
        ("ru", "all", 3, 0, 3, 0, 0, None, None, None),
    ]


def test_the_text_that_states_a_fact_comes_first_or_not(warehouse: Path) -> None:
    half = 1.959964 * sqrt(2)
    mean = 1 / sqrt(2)
    assert rows(
        warehouse,
        """select source_language_code, measure_code, fact_count, first_count, first_rate,
                  chance_score, excess_score, excess_score_low, excess_score_high
           from text_gradients_by_language_pair where target_language_code = 'ru'
           order by source_language_code, measure_code""",
    ) == [
        ("en", "bm25", 2, 0, 0.0, pytest.approx(1 / 3), None, None, None),
        ("en", "gradient", 2, 1, 0.5, pytest.approx(1 / 3), pytest.approx(mean),
         pytest.approx(mean - half), pytest.approx(mean + half)),
        ("ru", "bm25", 1, 0, 0.0, pytest.approx(1 / 3), None, None, None),
        ("ru", "gradient", 1, 0, 0.0, pytest.approx(1 / 3),
         pytest.approx(-0.45 / (0.1 / sqrt(2))), None, None),
    ]  # fmt: skip


def test_normalising_finds_the_fact_instead_of_the_language(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select scale_code, query_count, first_count, first_score, same_language_count,
                  same_language_score, same_language_chance_score
           from text_gradient_scales where measure_code = 'gradient' order by scale_code""",
    ) == [("normalised", 1, 1, 1.0, 0, 0.0, 0.5), ("raw", 1, 0, 0.0, 1, 1.0, 0.5)]
