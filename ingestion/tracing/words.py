"""Looks names up by their first word, where the script has borders between words.

Most places of a text begin no word, and most words begin no name, so few places are looked at. What
does not belong here: names that may begin inside a word (``ingestion.tracing.matching``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ingestion.tracing.borders import begin_words, border_classes, is_in_word, ranges

__all__ = ["WordSearch"]

_Positions = npt.NDArray[np.int64]
_Hashes = npt.NDArray[np.uint32]

_BLOCK = 1 << 18
"""Characters that are looked at in one step: they stay in the processor's cache."""

_FILTER_BITS = 20
_BASE = 0x9E3779B1
"""Odd, so that it has an inverse modulo 2³²."""

_MIX = np.uint32(0x85EBCA6B)


class WordSearch:
    """Finds names that begin with a letter or digit of a script with borders between words.

    Pieces of text are compared by polynomial hashes modulo 2³², taken from running sums; what they
    find is compared letter by letter.

    Args:
        names: distinct names, each of whose first characters begins a word.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._lengths = np.array([len(name) for name in names], dtype=np.int64)
        self._codes = np.frombuffer("".join(names).encode("utf-32-le"), dtype=np.uint32)
        self._starts = np.cumsum(self._lengths) - self._lengths
        self._longest = int(self._lengths.max(initial=0))
        size = max(_BLOCK + self._longest, len(self._codes)) + 2
        self._powers = _powers(_BASE, size)
        self._inverse = _powers(pow(_BASE, -1, 1 << 32), size)

        sums, ends = self._sums(self._codes), self._starts + self._lengths
        whole = (sums[ends] - sums[self._starts]) * self._inverse[self._starts]
        first_ends = np.minimum(ends, _word_ends(border_classes()[self._codes], self._starts))
        words = (sums[first_ends] - sums[self._starts]) * self._inverse[self._starts]
        self._whole = _Table(whole)
        self._order = np.argsort(whole, kind="stable")
        # Per first word, the lengths of the names that begin with it.
        pairs = np.unique(np.stack([words.astype(np.int64), self._lengths]), axis=1)
        self._words = _Table(pairs[0].astype(np.uint32))
        self._length_of = pairs[1]

    def find(self, codes: npt.NDArray[np.uint32]) -> tuple[_Positions, _Positions]:
        """Places at which a name begins with a whole first word, and the name's index.

        Args:
            codes: code points of the text.
        """
        found = [self._find(codes, begin) for begin in range(0, len(codes), _BLOCK)]
        if not found:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        starts, names = zip(*found, strict=True)
        return np.concatenate(starts), np.concatenate(names)

    def _find(self, codes: npt.NDArray[np.uint32], begin: int) -> tuple[_Positions, _Positions]:
        """Matches that begin in one block."""
        block = codes[begin : begin + _BLOCK + self._longest + 1]
        classes = border_classes().take(codes[max(0, begin - 1) : begin + len(block)])
        before = classes[:-1] if begin else np.append(np.uint8(0), classes[:-1])
        classes = classes[1:] if begin else classes
        starts = np.flatnonzero(begin_words(before[:_BLOCK], classes[:_BLOCK]))
        # A word that is longer than any name gets an end that no name has.
        ends = _word_ends(classes, starts)
        sums = self._sums(block)
        words = (sums[ends] - sums[starts]) * self._inverse[starts]
        rows, first, counts = self._words.find(words)
        starts = np.repeat(starts[rows], counts)
        lengths = self._length_of[ranges(first, counts)]
        inside = starts + lengths <= len(block)
        starts, lengths = starts[inside], lengths[inside]
        hashes = (sums[starts + lengths] - sums[starts]) * self._inverse[starts]
        rows, first, counts = self._whole.find(hashes)
        starts, names = np.repeat(starts[rows], counts), self._order[ranges(first, counts)]
        # The character 0 between documents adds nothing to a hash: a longer piece has it too.
        kept = np.repeat(lengths[rows], counts) == self._lengths[names]
        starts, names = starts[kept], names[kept]
        kept = self._are_equal(block, starts, names)
        return starts[kept] + begin, names[kept]

    def _are_equal(
        self, block: npt.NDArray[np.uint32], starts: _Positions, names: _Positions
    ) -> npt.NDArray[np.bool_]:
        """Whether each name stands at its place, letter by letter."""
        lengths = self._lengths[names]
        equal: npt.NDArray[np.bool_] = starts + lengths <= len(block)
        lengths = np.where(equal, lengths, 0)
        differs = (
            block[ranges(starts, lengths)] != self._codes[ranges(self._starts[names], lengths)]
        )
        owners = np.repeat(np.arange(len(names)), lengths)
        equal[owners[differs]] = False
        return equal

    def _sums(self, codes: npt.NDArray[np.uint32]) -> _Hashes:
        """Running sums of code × power, with 0 before the first."""
        sums = np.zeros(len(codes) + 1, dtype=np.uint32)
        np.cumsum(codes * self._powers[: len(codes)], dtype=np.uint32, out=sums[1:])
        return sums


class _Table:
    """Looks hashes up: a filter answers most questions, a sorted list the rest."""

    def __init__(self, hashes: _Hashes) -> None:
        self._sorted, self._first, self._counts = np.unique(
            np.sort(hashes), return_index=True, return_counts=True
        )
        self._filter = np.zeros(1 << _FILTER_BITS, dtype=bool)
        self._filter[_slots(self._sorted)] = True

    def find(self, wanted: _Hashes) -> tuple[_Positions, _Positions, _Positions]:
        """Rows of ``wanted`` that are there; for each, its first place in the sorted list, and how
        many equal ones follow."""
        rows = np.flatnonzero(self._filter[_slots(wanted)])
        at = np.searchsorted(self._sorted, wanted[rows])
        at[at == len(self._sorted)] = 0
        is_there = self._sorted[at] == wanted[rows]
        rows, at = rows[is_there], at[is_there]
        return rows, self._first[at], self._counts[at]


def _slots(hashes: _Hashes) -> _Hashes:
    slots: _Hashes = ((hashes ^ (hashes >> np.uint32(15))) * _MIX) >> np.uint32(32 - _FILTER_BITS)
    return slots


def _powers(base: int, count: int) -> _Hashes:
    powers = np.full(count, base, dtype=np.uint32)
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint32)


def _word_ends(classes: npt.NDArray[np.uint8], starts: _Positions) -> _Positions:
    """End of the word that begins at each place, from the border classes of a text."""
    is_outside = ~is_in_word(classes)
    ends = np.append(np.flatnonzero(is_outside), len(classes))
    return ends[np.cumsum(is_outside, dtype=np.int32)[starts]]
