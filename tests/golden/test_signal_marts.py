"""The marts of the signals on two languages and a few facts, worked out by hand.

Name cues. In Russian (two facts of P17, one of P36), written in Latin letters:

    fact  subject       object   in common        other object (of)
    f1    bankkitaya    kitay    kitay 5 of 5     peru 0 of 4   (f2)
    f2    rekaperuan    peru     peru  4 of 4     kitay 1 of 5  (f1)
    f3    rim           rim      rim   3 of 3     none: no other fact of P36
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ingestion.tracing import name_cues
from tests.helpers.tiny_lake import Row, build, language, rows, write_lake

LABELS = {
    "f1": ("Банк Китая", "Китай"),
    "f2": ("Река Перуан", "Перу"),
    "f3": ("Рим", "Рим"),
}
RELATIONS = {"f1": "P17", "f2": "P17", "f3": "P36"}


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
