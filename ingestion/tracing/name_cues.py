"""Compares the names of subject and object after transliteration (docs/signals.md#name-cues).

What belongs here: names in Latin letters, their longest common part, and the same for another
object. What does not: from which length a common part is a cue, which is SQL.
"""

from __future__ import annotations

import functools
import hashlib

import polars as pl
from anyascii import anyascii

from ingestion.contract import LAKE

__all__ = ["common_letters", "name_cues", "transliterate"]


def name_cues(labels: pl.DataFrame, facts: pl.DataFrame, language: str) -> pl.DataFrame:
    """Build the rows of the lake table ``name_cues`` for a language.

    Each subject is also compared with the object of another fact of its relation, which shows how
    often two names have a common part by chance. That object has another name, and is in no fact of
    the data set an object of the subject.

    Args:
        labels: lake table ``fact_labels``; rows of other languages are ignored.
        facts: lake table ``facts``.
        language: Wikipedia code.
    """
    rows = (
        labels.filter(pl.col("language_code") == language)
        .join(facts, on="fact_id", validate="1:1")
        .sort("fact_id")
    )
    true_objects = set(facts.select("relation_id", "subject_id", "object_id").iter_rows())
    other_rows = _other_rows(rows, true_objects)
    subjects = [transliterate(name) for name in rows["subject_label"]]
    objects = [transliterate(name) for name in rows["object_label"]]
    others = [None if row is None else objects[row] for row in other_rows]
    fact_ids = rows["fact_id"].to_list()
    return pl.DataFrame(
        {
            "language_code": [language] * len(rows),
            "fact_id": fact_ids,
            "subject_transliterated": subjects,
            "object_transliterated": objects,
            "object_letter_count": [len(name) for name in objects],
            "common_letter_count": list(map(common_letters, subjects, objects)),
            "other_fact_id": [None if row is None else fact_ids[row] for row in other_rows],
            "other_object_letter_count": [None if name is None else len(name) for name in others],
            "other_common_letter_count": [
                None if name is None else common_letters(subject, name)
                for subject, name in zip(subjects, others, strict=True)
            ],
        },
        schema=pl.Schema(LAKE["name_cues"].schema),
    )


@functools.lru_cache(maxsize=100_000)
def transliterate(name: str) -> str:
    """Writes a name in lower-case Latin letters and digits, without blanks and punctuation.

    Characters are replaced one by one: Chinese characters by Mandarin syllables in every language,
    Arabic and Hebrew names without their vowels. A name of symbols only can become empty.
    """
    return "".join(letter for letter in anyascii(name).lower() if letter.isalnum())


def common_letters(subject: str, answer: str) -> int:
    """Length of the longest piece of ``answer`` that stands in ``subject``, in letters."""
    best = 0
    for start in range(len(answer)):
        while start + best < len(answer) and answer[start : start + best + 1] in subject:
            best += 1
    return best


def _other_rows(rows: pl.DataFrame, true_objects: set[tuple[str, str, str]]) -> list[int | None]:
    """For each fact, the row of the fact of its relation that lends its object.

    Facts of a relation stand in a circle, in the order of a digest. A fact takes the next one whose
    object has another name and is not one of its own subject. None if there is none.
    """
    chosen: list[int | None] = [None] * len(rows)
    columns = rows.select("relation_id", "subject_id", "object_id", "object_label", "fact_id")
    values = list(columns.iter_rows())
    circles: dict[str, list[int]] = {}
    for row in sorted(range(len(values)), key=lambda row: _digest(values[row][4])):
        circles.setdefault(values[row][0], []).append(row)
    for relation, circle in circles.items():
        size = len(circle)
        names = [values[row][3] for row in circle]
        # Steps to the next fact with another name; a name can fill most of the circle.
        steps = [size] * size
        for place in reversed(range(2 * size)):
            here, after = place % size, (place + 1) % size
            steps[here] = 1 if names[after] != names[here] else min(steps[after] + 1, size)
        for place, row in enumerate(circle):
            _, subject, _, name, _ = values[row]
            step = steps[place]
            while step < size:
                at = (place + step) % size
                other = values[circle[at]]
                if other[3] != name and (relation, subject, other[2]) not in true_objects:
                    chosen[row] = circle[at]
                    break
                step += steps[at]
    return chosen


def _digest(text: str) -> bytes:
    return hashlib.sha256(f"name_cues\x1f{text}".encode()).digest()
