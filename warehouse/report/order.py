"""Orders languages so that similar ones are next to each other, for all matrices alike.

What does not belong here: drawing, and reading the similarities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

__all__ = ["similarity_order"]


def similarity_order(
    languages: Sequence[str], similarities: Mapping[frozenset[str], float]
) -> tuple[str, ...]:
    """Order languages by average linkage: the two most similar groups are joined, again and again.

    When two groups are joined, each is turned so that the most similar of their four pairs of ends
    meet. Equal similarities keep the order of ``languages``.

    Args:
        languages: all languages; those without any similarity come last, in their order.
        similarities: of pairs of languages; a missing pair counts as the lowest similarity.
    """
    lowest = min(similarities.values(), default=0.0)

    def alike(a: str, b: str) -> float:
        return similarities.get(frozenset((a, b)), lowest)

    def linkage(one: tuple[str, ...], other: tuple[str, ...]) -> float:
        return sum(alike(a, b) for a in one for b in other) / (len(one) * len(other))

    known = {language for pair in similarities for language in pair}
    groups: list[tuple[str, ...]] = [(language,) for language in languages if language in known]
    scores = {pair: linkage(*pair) for pair in combinations(groups, 2)}
    while len(groups) > 1:
        one, other = max(scores, key=lambda pair: scores[pair])
        ways = [(a, b) for a in (one, one[::-1]) for b in (other, other[::-1])]
        left, right = max(ways, key=lambda way: alike(way[0][-1], way[1][0]))
        joined = left + right
        groups = [group for group in groups if group not in (one, other)]
        scores = {pair: score for pair, score in scores.items() if not {one, other} & {*pair}}
        scores |= {(group, joined): linkage(group, joined) for group in groups}
        groups.append(joined)
    ordered = groups[0] if groups else ()
    return (*ordered, *(language for language in languages if language not in known))
