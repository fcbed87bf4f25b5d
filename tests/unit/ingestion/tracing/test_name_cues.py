"""Names after transliteration, and the objects that stand in for chance (docs/signals.md)."""

from __future__ import annotations

import difflib
import random

import polars as pl
import pytest

from ingestion.contract import LAKE
from ingestion.tracing import common_letters, name_cues, transliterate


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Банк Китая", "bankkitaya"),
        ("Αθήνα", "athina"),
        ("Hà Nội", "hanoi"),
        ("한국", "hangug"),
        ("東京", "dongjing"),
        ("Jean-Luc 2", "jeanluc2"),
        ("…!", ""),
    ],
)
def test_names_are_written_in_latin_letters(name: str, letters: str) -> None:
    assert transliterate(name) == letters


def test_the_common_part_is_that_of_a_plain_search() -> None:
    draw = random.Random(3)
    found = set()
    for _ in range(300):
        subject, answer = ("".join(draw.choices("abc", k=draw.randrange(9))) for _ in range(2))
        matcher = difflib.SequenceMatcher(None, subject, answer, autojunk=False)
        expected = matcher.find_longest_match(0, len(subject), 0, len(answer)).size
        assert common_letters(subject, answer) == expected
        found.add(expected)
    assert {0, 1, 2, 3, 4} <= found


FACTS = pl.DataFrame(
    [
        ("f1", "P17", "s1", "china"),
        ("f2", "P17", "s2", "china"),
        ("f3", "P17", "s3", "peru"),
        ("f4", "P17", "s3", "china"),
        ("f5", "P36", "s5", "rome"),
        ("f6", "P30", "s6", "asia"),
        ("f7", "P30", "s7", "asia"),
    ],
    schema=["fact_id", "relation_id", "subject_id", "object_id"],
    orient="row",
)
LABELS = pl.DataFrame(
    [
        ("ru", "f1", "Bank of Kitay", "Китай"),
        ("ru", "f2", "Вода", "Китай"),
        ("ru", "f3", "Река", "Перу"),
        ("ru", "f4", "Река", "Китай"),
        ("ru", "f5", "Рим", "Рим"),
        ("ru", "f6", "Ан", "Азия"),
        ("ru", "f7", "Бе", "Азия"),
        ("de", "f1", "Bank of China", "China"),
    ],
    schema=["language_code", "fact_id", "subject_label", "object_label"],
    orient="row",
)


def test_a_subject_is_compared_across_scripts_and_with_an_object_that_is_not_its_own() -> None:
    rows = name_cues(LABELS, FACTS, "ru")
    assert rows.columns == LAKE["name_cues"].schema.names
    own = {row["fact_id"]: row for row in rows.to_dicts()}
    assert own["f1"] == {
        "language_code": "ru", "fact_id": "f1",
        "subject_transliterated": "bankofkitay", "object_transliterated": "kitay",
        "object_letter_count": 5, "common_letter_count": 5,
        # The only object of the relation with another name: "peru". None of its letters is there.
        "other_fact_id": "f3", "other_object_letter_count": 4, "other_common_letter_count": 0,
    }  # fmt: skip
    assert own["f2"]["other_fact_id"] == "f3"
    # China is an object of s3 as well, so nothing is left for its two facts.
    assert own["f3"]["other_fact_id"] is own["f4"]["other_fact_id"] is None
    # One fact in the relation; two facts with the same object.
    assert own["f5"]["other_common_letter_count"] is None
    assert own["f6"]["other_fact_id"] is own["f7"]["other_fact_id"] is None


def test_the_order_of_the_input_changes_nothing() -> None:
    rows = name_cues(LABELS, FACTS, "ru")
    assert name_cues(LABELS.reverse(), FACTS.reverse(), "ru").equals(rows)


def test_every_fact_of_a_large_relation_gets_another_object_where_there_is_one() -> None:
    """Nine tenths share an object: the plain search over the circle would be quadratic."""
    count = 3000
    facts = pl.DataFrame(
        {
            "fact_id": [f"f{i}" for i in range(count)],
            "relation_id": ["P17"] * count,
            "subject_id": [f"s{i}" for i in range(count)],
            "object_id": ["a" if i % 10 else "b" for i in range(count)],
        }
    )
    labels = facts.select(
        "fact_id", language_code=pl.lit("en"), subject_label="subject_id", object_label="object_id"
    )
    rows = name_cues(labels, facts, "en").join(facts, on="fact_id")
    objects = dict(facts.select("fact_id", "object_id").iter_rows())
    others = rows["other_fact_id"].replace_strict(objects)
    assert (others != rows["object_id"]).all()
