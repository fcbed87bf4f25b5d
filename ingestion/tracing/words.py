"""Looks names up by one of their words, where the script has borders between words.

Most places of a text begin no word, and most words are the longest one of no name, so few places
are looked at. What does not belong here: names without a word (``ingestion.tracing.matching``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingestion.tracing.borders import begin_words, border_classes, code_points, is_in_word, ranges

__all__ = ["Places", "WordSearch", "have_words"]

_Positions = npt.NDArray[np.int64]
_Hashes = npt.NDArray[np.uint32]

_BLOCK = 1 << 18
"""Characters that are looked at in one step: they stay in the processor's cache."""

_FILTER_BITS = 20
_BASE = 0x9E3779B1
"""Odd, so that it has an inverse modulo 2³²."""

_MIX = np.uint32(0x85EBCA6B)


class Places(NamedTuple):
    """Where names stand in a text; four arrays of one length."""

    starts: _Positions
    names: _Positions
    """Indices of the names."""
    before: npt.NDArray[np.uint8]
    """Border class of the character before each; 0 where the text begins."""
    after: npt.NDArray[np.uint8]
    """Border class of the character after each; 0 where the text ends."""


def have_words(names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which names hold a letter or digit of a script with borders between words."""
    found = np.zeros(len(names), dtype=bool)
    found[_Words(names).owners] = True
    return found


class WordSearch:
    """Finds names that hold a word of a script with borders between words, by their longest one.

    Pieces of text are compared by polynomial hashes modulo 2³², taken from running sums; what they
    find is compared letter by letter.

    Args:
        names: distinct names, each with such a word.
    """

    def __init__(self, names: Sequence[str]) -> None:
        named = _Words(names)
        self._codes, self._starts, self._lengths = named.codes, named.starts, named.lengths
        self._longest = int(self._lengths.max(initial=0))
        size = max(2 * self._longest + _BLOCK, len(self._codes)) + 2
        self._powers = _powers(_BASE, size)
        self._inverse = _powers(pow(_BASE, -1, 1 << 32), size)

        sums, ends = self._sums(self._codes), self._starts + self._lengths
        whole = (sums[ends] - sums[self._starts]) * self._inverse[self._starts]
        self._whole = _Table(whole)
        self._order = np.argsort(whole, kind="stable")
        starts, ends = named.longest()
        words = (sums[ends] - sums[starts]) * self._inverse[starts]
        # Per longest word: how far into the name it begins, and how long the name is.
        self._offsets = starts - self._starts
        pairs = np.unique(np.stack([words.astype(np.int64), self._offsets, self._lengths]), axis=1)
        self._words = _Table(pairs[0].astype(np.uint32))
        self._offset_of, self._length_of = pairs[1], pairs[2]

    def find(self, text: str) -> Places:
        """Places of names whose longest word is a whole word of the text."""
        found = [self._find(text, begin) for begin in range(0, max(1, len(text)), _BLOCK)]
        return Places(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def _find(self, text: str, begin: int) -> Places:
        """Matches whose longest word begins in one block."""
        first = max(0, begin - self._longest)
        block = code_points(text[first : begin + _BLOCK + self._longest + 1])
        classes = border_classes().take(block)
        before, after = np.append(np.uint8(0), classes), np.append(classes, np.uint8(0))
        here = slice(begin - first, begin - first + _BLOCK)
        starts = np.flatnonzero(begin_words(before[:-1][here], classes[here])) + here.start
        # A word that is longer than any name gets an end that no name has.
        ends = _word_ends(classes, starts)
        sums = self._sums(block)
        words = (sums[ends] - sums[starts]) * self._inverse[starts]
        rows, at, counts = self._words.find(words)
        pairs = ranges(at, counts)
        offsets, lengths = self._offset_of[pairs], self._length_of[pairs]
        starts = np.repeat(starts[rows], counts) - offsets
        inside = (starts >= 0) & (starts + lengths <= len(block))
        starts, lengths, offsets = starts[inside], lengths[inside], offsets[inside]
        hashes = (sums[starts + lengths] - sums[starts]) * self._inverse[starts]
        rows, at, counts = self._whole.find(hashes)
        starts, names = np.repeat(starts[rows], counts), self._order[ranges(at, counts)]
        # The character 0 between documents adds nothing to a hash: a longer piece has it too.
        kept = np.repeat(lengths[rows], counts) == self._lengths[names]
        # Another name of this length may have led here by a word of this one.
        kept &= np.repeat(offsets[rows], counts) == self._offsets[names]
        starts, names = starts[kept], names[kept]
        kept = self._are_equal(block, starts, names)
        starts, names = starts[kept], names[kept]
        ends = starts + self._lengths[names]
        return Places(starts + first, names, before[starts], after[ends])

    def _are_equal(
        self, block: npt.NDArray[np.uint32], starts: _Positions, names: _Positions
    ) -> npt.NDArray[np.bool_]:
        """Whether each name stands at its place, letter by letter."""
        lengths = self._lengths[names]
        differs = (
            block[ranges(starts, lengths)] != self._codes[ranges(self._starts[names], lengths)]
        )
        owners = np.repeat(np.arange(len(names)), lengths)
        equal = np.ones(len(names), dtype=bool)
        equal[owners[differs]] = False
        return equal

    def _sums(self, codes: npt.NDArray[np.uint32]) -> _Hashes:
        """Running sums of code × power, with 0 before the first."""
        sums = np.zeros(len(codes) + 1, dtype=np.uint32)
        np.cumsum(codes * self._powers[: len(codes)], dtype=np.uint32, out=sums[1:])
        return sums


class _Words:
    """Words of names: start and end of each in the names' code points, and whose it is."""

    def __init__(self, names: Sequence[str]) -> None:
        self.lengths = np.array([len(name) for name in names], dtype=np.int64)
        # No name contains the separator.
        self.codes = code_points("\0".join([*names, ""]))
        self.starts = np.cumsum(self.lengths + 1) - self.lengths - 1
        classes = border_classes().take(self.codes)
        before = np.append(np.uint8(0), classes[:-1])[: len(classes)]
        self._begins = np.flatnonzero(begin_words(before, classes))
        self._ends = _word_ends(classes, self._begins)
        self.owners = np.searchsorted(self.starts, self._begins, side="right") - 1

    def longest(self) -> tuple[_Positions, _Positions]:
        """Start and end of the longest word of each name, the first one of equals."""
        order = np.lexsort((self._begins, self._begins - self._ends, self.owners))
        rows = order[np.unique(self.owners, return_index=True)[1]]
        return self._begins[rows], self._ends[rows]


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
