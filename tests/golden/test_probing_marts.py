"""Every probing mart on three languages and six facts, worked out by hand.

    fact  subject, object     de: object's tokens / m1 says    en              ja
    f1    France, Paris       [10]    / [10]     full          [10] / [10]     [30 31 32] / [30 31 9]
    f2    Japan, Tokyo        [15 16] / [15 16]  full          [11] / [12]     [33 34] / [33 34]  full
    f3    Italy, Rome         [17]    / [10]                   [13 14] / [14 13]  partial   (not held)
    f4    Switzerland, German [22]    / [22]     full          [20] / [20]     [35] / [36]
    f5    Switzerland, French [23]    / [22]     f4's object   [21] / [20]     [36] / [36]  full
    f6    Austria, German     [22]    / [22]     full          [20] / [21]     [35] / [1]

full:       de {1 2 4 6} of 6, en {1 4} of 6, ja {2 5} of 5: micro 8/17, macro (2/3 + 1/3 + 2/5) / 3
partial:    de 4, en {1 3 4}, ja 2; any true object: de {1 2 4 5 6}, en {1 4 5}, ja {2 4 5}

m2 drops token 6 and is asked with one and two masks. It is right once, in English about f1: nothing
with one mask, [6 10] with two. A third model and a fourth language have left the study; their
parts still lie in the lake.
"""

from __future__ import annotations

from math import isclose, sqrt
from pathlib import Path

import pytest
from tiny_lake import build, language, model, prediction, rows, write_lake

FACTS = {
    "f1": ("capital", "France", "Paris"),
    "f2": ("capital", "Japan", "Tokyo"),
    "f3": ("capital", "Italy", "Rome"),
    "f4": ("speaks", "Switzerland", "German"),
    "f5": ("speaks", "Switzerland", "French"),
    "f6": ("speaks", "Austria", "German"),
}
ANSWERS = {
    ("de", "f1"): ([10], [10]),
    ("de", "f2"): ([15, 16], [15, 16]),
    ("de", "f3"): ([17], [10]),
    ("de", "f4"): ([22], [22]),
    ("de", "f5"): ([23], [22]),
    ("de", "f6"): ([22], [22]),
    ("en", "f1"): ([10], [10]),
    ("en", "f2"): ([11], [12]),
    ("en", "f3"): ([13, 14], [14, 13]),
    ("en", "f4"): ([20], [20]),
    ("en", "f5"): ([21], [20]),
    ("en", "f6"): ([20], [21]),
    ("ja", "f1"): ([30, 31, 32], [30, 31, 9]),
    ("ja", "f2"): ([33, 34], [33, 34]),
    ("ja", "f4"): ([35], [36]),
    ("ja", "f5"): ([36], [36]),
    ("ja", "f6"): ([35], [1]),
}


def tables() -> dict:
    held = [*ANSWERS, ("fr", "f1")]
    predictions = [prediction("m1", *place, *answer) for place, answer in ANSWERS.items()]
    for (code, fact), (gold, _) in ANSWERS.items():
        two = [6, 10] if (code, fact) == ("en", "f1") else [2, 3]
        predictions += [
            prediction("m2", code, fact, gold, answer) for answer in ([1], two, [2, 3, 4])
        ]
    predictions += [
        prediction("gone", "en", "f1", [10], [10]),
        prediction("m1", "fr", "f1", [10], [10]),
    ]
    return {
        "languages": [language("en"), language("ja", "Japanese"), language("de")],
        "relations": [
            {"relation_id": "capital", "relation_name": "capital"},
            {"relation_id": "speaks", "relation_name": "official language"},
            {"relation_id": "unused", "relation_name": "has a template only"},
        ],
        "facts": [
            {"fact_id": f, "relation_id": r, "subject_id": s, "object_id": o}
            for f, (r, s, o) in FACTS.items()
        ],
        "fact_labels": [
            {
                "language_code": code,
                "fact_id": fact,
                "subject_label": f"{FACTS[fact][1]} ({code})",
                "object_label": f"{FACTS[fact][2]} ({code})",
            }
            for code, fact in held
        ],
        "prompts": [
            {"language_code": code, "relation_id": relation, "template": f"[X] {code} [Y] ."}
            for code in ("de", "en", "ja")
            for relation in ("capital", "speaks", "unused")
        ],
        "rejected_rows": [
            {
                "language_code": "en",
                "source_file": "en/capital.jsonl",
                "line_number": 7,
                "reason": "no object",
                "line_text": "{",
            }
        ],
        "models": [model("m1"), model("m2", ignored_token_id=6, mask_counts="all")],
        "predictions": predictions,
    }


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    # A path that SQL, globs and str.format would each read in its own way.
    lake = write_lake(folder / "it's a [lake] {here}*?", **tables())
    database, outcome = build(lake, folder / "build")
    assert outcome.returncode == 0, outcome.stdout
    return database


def test_p_at_1_divides_full_matches_by_the_facts_of_the_language(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select model_id, language_code, fact_count, full_match_count, partial_match_count,
           any_object_match_count, round(full_match_rate, 6) from p_at_1_by_language""",
    ) == [
        ("m1", "de", 6, 4, 4, 5, 0.666667),
        ("m1", "en", 6, 2, 3, 3, 0.333333),
        ("m1", "ja", 5, 2, 2, 3, 0.4),
        ("m2", "de", 6, 0, 0, 0, 0.0),
        ("m2", "en", 6, 1, 1, 1, 0.166667),
        ("m2", "ja", 5, 0, 0, 0, 0.0),
    ]
