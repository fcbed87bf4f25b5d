"""Decides whether the two names of a fact stand apart in a text unit (docs/method.md#tracing).

One mention can count as both names ("New York is big." has York and New York), and a Korean name
is found in a longer word that begins with it (Guinea in Guinea-Bissau), because particles follow a
noun without a blank. What does not belong here: finding the names (``ingestion.tracing.matching``).
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ingestion.tracing.borders import hangul_goes_on
from ingestion.tracing.matching import Matching
from ingestion.tracing.names import FactNames

__all__ = ["can_overlap", "end_words", "stand_apart"]

Span = tuple[int, int]
"""Start and end of a mention, in characters of the text."""

_HANGUL_RUN = re.compile("[가-힣]+")
# What follows a noun within its word: plural, kinds of places, particles, forms of 'to be'.
_ENDINGS = re.compile(
    "(?:들|시|주|현|군|구|성|도)?"
    "(?:에게서|에게|에서|에|께서|께|한테서|한테|으로서|로서|으로써|로써|으로|로|이랑|랑|하고|까지|부터|조차|마저|밖에|"
    "처럼|같이|보다|마다|이나|나|이든지|든지|이라도|라도|은커녕|는커녕|커녕|만큼|만|뿐|대로|와|과|의|이|가|은|는|을|를|도|"
    "이야|야|이여|여|아)*"
    "(?:(?:이)?(?:다|고|며|면|지만|자|던|란|라|라는|라고|라서|라면|었다|었고|었으며|었던|어서)|였다|였고|였으며|였던|"
    "여서|입니다|이에요|예요|임|등)?"
)


def can_overlap(
    names: FactNames, matching: Matching
) -> Callable[[npt.NDArray[np.int64]], npt.NDArray[np.bool_]]:
    """Whether a mention of one name of each fact can share characters with one of the other.

    Returns:
        A function from the positions of facts to their answers: a shard has few of all facts.
    """
    written = [name.casefold() if matching == "casefold" else name for name in names.names]
    groups = [[written[name] for name in group] for group in names.mention_names]

    @functools.cache
    def share(subject: int, object_: int) -> bool:
        return any(_share(one, other) for one in groups[subject] for other in groups[object_])

    def of_facts(facts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        subjects = names.subject_mentions[facts].tolist()
        objects = names.object_mentions[facts].tolist()
        return np.array(list(map(share, subjects, objects)), dtype=bool)

    return of_facts


def _share(one: str, other: str) -> bool:
    """Whether one text contains the other, or ends as the other begins."""
    return one in other or other in one or _meets(one, other) or _meets(other, one)


def _meets(one: str, other: str) -> bool:
    """Whether one text ends as the other begins."""
    place = one.find(other[0])
    while place >= 0:
        if other.startswith(one[place:]):
            return True
        place = one.find(other[0], place + 1)
    return False


def end_words(text: str, ends: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether the word of each mention ends there, apart from particles if it is written in Hangul.

    Args:
        text: the text.
        ends: position after the last character of each mention.
    """
    whole = np.ones(len(ends), dtype=bool)
    for place in np.flatnonzero(hangul_goes_on(text, ends)).tolist():
        rest = _HANGUL_RUN.match(text, int(ends[place]))
        whole[place] = rest is None or _is_ending(rest.group())
    return whole


@functools.lru_cache(maxsize=100_000)
def _is_ending(letters: str) -> bool:
    return _ENDINGS.fullmatch(letters) is not None


def stand_apart(subjects: Sequence[Span], objects: Sequence[Span]) -> bool:
    """Whether a mention of each name is neither part of a mention of the other nor overlaps it.

    Args:
        subjects: mentions of the subject in a text unit, sorted by start.
        objects: mentions of the object, sorted by start.
    """
    free_subjects, free_objects = _outside(subjects, objects), _outside(objects, subjects)
    if not free_subjects or not free_objects:
        return False
    return min(end for _, end in free_subjects) <= max(start for start, _ in free_objects) or (
        min(end for _, end in free_objects) <= max(start for start, _ in free_subjects)
    )


def _outside(mentions: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Mentions that are not part of a longer one among ``others``."""
    starts = [start for start, _ in others]
    longest = max((end - start for start, end in others), default=0)
    return [
        (start, end)
        for start, end in mentions
        if not any(
            other_end >= end and (other, other_end) != (start, end)
            for other, other_end in others[
                bisect_left(starts, end - longest) : bisect_right(starts, start)
            ]
        )
    ]
