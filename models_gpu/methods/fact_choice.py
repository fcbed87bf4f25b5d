"""Choice of facts for methods that are too slow for all facts: the same facts in every language.

What belongs here: choosing among correctly predicted facts, and what is true of a subject, so that
another object is really another one. What does not: deciding which facts are correctly predicted
(SQL).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping

import polars as pl

__all__ = ["facts_in_most_languages", "true_objects"]


def facts_in_most_languages(
    right: Mapping[str, Collection[str]], limit: int | None, seed: str = "factroots"
) -> dict[str, list[str]]:
    """Choose up to ``limit`` facts that are right in as many languages as possible.

    Facts are ranked by the number of languages in which they are right. Equal facts are ranked by a
    hash of ``seed`` and fact id, which favours no relation and no order of the file. The first
    ``limit`` facts are chosen for all languages.

    Args:
        right: ids of the facts that are right, per language.
        limit: largest number of facts; None takes all.
        seed: seed of the rank of equal facts.

    Returns:
        Per language the chosen facts that are right in it, sorted.
    """
    languages = Counter(fact for facts in right.values() for fact in set(facts))

    def place(fact: str) -> tuple[int, str]:
        return -languages[fact], hashlib.sha256(f"{seed}:{fact}".encode()).hexdigest()

    chosen = set(sorted(languages, key=place)[:limit])
    return {language: sorted(chosen.intersection(facts)) for language, facts in right.items()}


def true_objects(facts: pl.DataFrame) -> dict[tuple[str, str], set[str]]:
    """Collect the objects of each relation and subject; a subject can have several.

    Args:
        facts: columns ``relation_id, subject_id, object_id``.
    """
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for relation, subject, answer in facts.select(
        "relation_id", "subject_id", "object_id"
    ).iter_rows():
        found[relation, subject].add(answer)
    return dict(found)
