"""Which facts are looked at when not all can be: the same ones in every language.

What belongs here: choosing among facts that are right. What does not: finding out which are.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping

__all__ = ["facts_in_most_languages"]


def facts_in_most_languages(
    right: Mapping[str, Collection[str]], limit: int | None, seed: str = "factroots"
) -> dict[str, list[str]]:
    """Up to ``limit`` facts, right in as many of the languages as possible.

    Facts are ranked by the number of languages in which they are right; among equals a digest of
    ``seed`` and the fact's id decides, which favours no relation and no order of the file. The
    first ``limit`` are chosen, the same for all languages. In each language those of them remain
    that are right there.

    Args:
        right: language → ids of the facts that are right there.
        limit: most facts; None takes all.
        seed: another one draws other facts among equals.

    Returns:
        Language → chosen facts that are right there, sorted.
    """
    languages = Counter(fact for facts in right.values() for fact in set(facts))

    def place(fact: str) -> tuple[int, str]:
        return -languages[fact], hashlib.sha256(f"{seed}:{fact}".encode()).hexdigest()

    chosen = set(sorted(languages, key=place)[:limit])
    return {language: sorted(chosen.intersection(facts)) for language, facts in right.items()}
