"""The sentence with which ``factroots explain`` begins."""

from __future__ import annotations

from typing import Any

import pytest

from warehouse.explanation import Explanation, sentence

NAMES = {"ru": "Russian", "uk": "Ukrainian", "en": "English", "de": "German"}
ROW: dict[str, Any] = {
    "fact_subject_label": "Tijuana", "fact_object_label": "Mexico", "language_name": "Bulgarian",
    "subject_label": "Тихуана", "predicted_text": "Мексико", "is_right": True,
    "is_full_match": False, "gold_rank": 1,
    "text_unit": "chunk", "is_present": False, "shared_count": 0,
    "root_code": "transferred", "root_probability": 0.7131,
    "source_language_codes": ["ru", "uk"], "source_probabilities": [0.6, 0.4],
}  # fmt: skip
ALL = ["ru", "uk", "en", "de"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "right, not stated in its text; most probable root: transferred (p .71); "
             "of 2 possible languages Russian is the most probable source (p .60)."),
        ({"source_probabilities": [0.5, 0.5]}, "right, not stated in its text; most probable root: "
         "transferred (p .71); of 2 possible languages Russian and Ukrainian are the most probable "
         "sources (p .50 each)."),
        ({"source_language_codes": ["uk"], "source_probabilities": [1.0]},
         "right, not stated in its text; most probable root: transferred (p .71); "
         "the only possible source is Ukrainian."),
        ({"source_language_codes": ALL, "source_probabilities": [0.25] * 4},
         "right, not stated in its text; most probable root: transferred (p .71); "
         "the source is one of 4 equally probable languages."),
        ({"root_code": "either_suffices", "is_present": True, "shared_count": 1},
         "right, stated in 1 chunk of its text; most probable root: either suffices (p .71); "
         "if from another language, of 2 possible languages Russian is the most probable source "
         "(p .60)."),
        ({"root_code": "own_text_needed", "is_present": True, "shared_count": 1200,
          "source_language_codes": [], "source_probabilities": [], "root_probability": 0.999},
         "right, stated in 1,200 chunks of its text; most probable root: own text needed "
         "(p 1.00)."),
        ({"root_code": "undetermined", "is_present": None, "root_probability": None,
          "source_language_codes": [], "source_probabilities": []},
         "right, its text was not traced; root: undetermined."),
        ({"is_right": False, "predicted_text": "Испания", "gold_rank": 3, "root_code": None},
         "wrong ('Испания', the right answer has rank 3), not stated in its text."),
        ({"is_right": None}, "not answered."),
        ({"subject_label": None}, "not asked, because this language has no names for it."),
    ],
)  # fmt: skip
def test_an_answer_and_its_root_are_one_sentence(changes: dict[str, Any], expected: str) -> None:
    start = "Tijuana → Mexico in Bulgarian: "
    assert sentence({**ROW, **changes}, NAMES) == start + expected


def test_control_characters_of_a_model_are_shown_by_their_numbers() -> None:
    said = "\x1b]0;title\x07\x9b31m"
    answer = ROW | {
        "language_code": "bg", "object_label": "Мексико", "predicted_text": said,
        "gold_log_prob": -1.5, "root_code": None,
    }  # fmt: skip
    shown = str(
        Explanation(
            {
                "fact_id": "f",
                "relation_id": "P17",
                "relation_name": "country",
                "model_id": "m",
                "sentences": [f"it says {said}"],
                "answers": [answer],
                "signals": [],
                "neurons": {},
                "overlaps": [],
                "without_neurons": {},
            }
        )
    )
    assert shown.count(r"\x1b]0;title\x07\x9b31m") == 2
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)
