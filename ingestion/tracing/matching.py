"""Finds all names in a text in one pass, including overlapping ones.

Positions are characters of the text. What does not belong here: token boundaries
(``ingestion.tracing.borders``) and counting (``ingestion.tracing.counting``).
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ingestion.tracing.borders import border_classes, code_points, is_bounded, name_edges, ranges
from ingestion.tracing.words import Places, WordSearch, have_words

__all__ = ["Engine", "Matcher", "Matches", "Matching"]

Matching = Literal["exact", "casefold", "substring"]
"""How a name is matched. exact: as written, at token boundaries. casefold: the same, ignoring case.
substring: as written, anywhere."""

Engine = Literal["polars", "hyperscan"]
"""String search; both give the same matches."""

_FEW = 16
"""Names up to which each is searched on its own."""

_Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Matches:
    """Matches of names in a text, sorted by start, then end; three arrays of one length."""

    starts: _Positions
    """Position of the first character of each match."""
    ends: _Positions
    """Position after the last character of each match."""
    names: _Positions
    """Index of the matched name in the list of names."""


class Matcher:
    """Finds a fixed set of names in any number of texts.

    Args:
        names: distinct names, none empty, in NFC.
        matching: what counts as a match.
        engine: string search to use.

    Raises:
        ModuleNotFoundError: the engine is hyperscan, which is not installed.
    """

    def __init__(
        self, names: Sequence[str], matching: Matching = "exact", engine: Engine = "polars"
    ) -> None:
        self._matching = matching
        folded = [name.casefold() if matching == "casefold" else name for name in names]
        # Names that differ only in case are one pattern: found once, reported for each name.
        self._patterns = sorted(set(folded))
        position = {pattern: index for index, pattern in enumerate(self._patterns)}
        owners: list[list[int]] = [[] for _ in self._patterns]
        for index, pattern in enumerate(folded):
            owners[position[pattern]].append(index)
        self._owner_counts = np.array([len(group) for group in owners], dtype=np.int64)
        self._owner_starts = np.cumsum(self._owner_counts) - self._owner_counts
        self._owners = np.array([i for group in owners for i in group], dtype=np.int64)
        self._lengths = np.array([len(pattern) for pattern in self._patterns], dtype=np.int64)
        self._first, self._last = name_edges(self._patterns)
        # Of names with a word, only places with their longest one are looked at.
        by_word = have_words(self._patterns)
        if matching == "substring" or engine == "hyperscan":
            by_word[:] = False
        self._by_word, self._anywhere = np.flatnonzero(by_word), np.flatnonzero(~by_word)
        self._words = WordSearch([self._patterns[i] for i in self._by_word.tolist()])
        anywhere = [self._patterns[i] for i in self._anywhere.tolist()]
        self._find = (_Hyperscan if engine == "hyperscan" else _Polars)(anywhere)

    def find(self, text: str) -> Matches:
        """Find all matches in a text; needs up to about 20 bytes of memory per character."""
        if not self._patterns or not text:
            none = np.zeros(0, dtype=np.int64)
            return Matches(none, none, none)
        original: _Positions | None = None
        searched = text
        if self._matching == "casefold":
            searched, original = _fold_with_positions(text)
        starts, patterns, before, after = self._places(searched)
        ends = starts + self._lengths[patterns]
        if self._matching != "substring":
            kept = is_bounded(before, self._first[patterns], self._last[patterns], after)
            starts, ends, patterns = starts[kept], ends[kept], patterns[kept]
        if original is not None:
            starts, ends = original[starts], original[ends - 1] + 1
        counts = self._owner_counts[patterns]
        names = self._owners[ranges(self._owner_starts[patterns], counts)]
        starts, ends = np.repeat(starts, counts), np.repeat(ends, counts)
        order = np.lexsort((names, ends, starts))
        return Matches(starts[order], ends[order], names[order])

    def _places(self, text: str) -> Places:
        """Where patterns stand, and which; whether their borders are right is not looked at."""
        found: list[Places] = []
        if len(self._by_word):
            by_word = self._words.find(text)
            found.append(by_word._replace(names=self._by_word[by_word.names]))
        if len(self._anywhere):
            starts, patterns = self._find_anywhere(text)
            patterns = self._anywhere[patterns]
            classes = np.append(border_classes().take(code_points(text)), np.uint8(0))
            ends = starts + self._lengths[patterns]
            found.append(Places(starts, patterns, classes[starts - 1], classes[ends]))
        return Places(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def _find_anywhere(self, text: str) -> tuple[_Positions, _Positions]:
        """Where patterns that may begin anywhere begin, and which they are."""
        if len(self._by_word) and len(self._anywhere) <= _FEW:
            return _one_by_one([self._patterns[i] for i in self._anywhere], text)
        encoded = text.encode()
        starts, patterns = self._find(encoded, text)
        if len(encoded) != len(text):
            is_first_byte = (np.frombuffer(encoded, dtype=np.uint8) & 0xC0) != 0x80
            starts = np.cumsum(is_first_byte, dtype=np.int32)[starts].astype(np.int64) - 1
        return starts, patterns


def _one_by_one(patterns: Sequence[str], text: str) -> tuple[_Positions, _Positions]:
    """Where each of a few patterns begins: an automaton costs more than a plain search for each."""
    starts: list[int] = []
    found: list[int] = []
    for index, pattern in enumerate(patterns):
        place = text.find(pattern)
        while place >= 0:
            starts.append(place)
            found.append(index)
            place = text.find(pattern, place + 1)
    return np.array(starts, dtype=np.int64), np.array(found, dtype=np.int64)


class _Polars:
    """Aho-Corasick of polars. Offsets (bytes) and strings come from two passes in one order."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = list(patterns)
        self._codes = pl.Enum(self._patterns)

    def __call__(self, encoded: bytes, text: str) -> tuple[_Positions, _Positions]:
        del encoded
        series = pl.Series([text])
        offsets = series.str.find_many(self._patterns, overlapping=True).explode()
        if len(offsets) == 1 and offsets[0] is None:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        found = series.str.extract_many(self._patterns, overlapping=True).explode()
        codes = found.cast(self._codes).to_physical()
        return offsets.to_numpy().astype(np.int64), codes.to_numpy().astype(np.int64)


class _Hyperscan:
    """Hyperscan over literal patterns. It reports only ends; the start follows from the length."""

    def __init__(self, patterns: Sequence[str]) -> None:
        hyperscan: Any = importlib.import_module("hyperscan")
        literals = [pattern.encode() for pattern in patterns]
        self._lengths = np.array([len(literal) for literal in literals], dtype=np.int64)
        self._database = hyperscan.Database()
        self._database.compile(
            expressions=literals, ids=list(range(len(literals))), literal=True, flags=0
        )

    def __call__(self, encoded: bytes, text: str) -> tuple[_Positions, _Positions]:
        del text
        found: list[tuple[int, int]] = []

        def note(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((pattern, end))

        self._database.scan(encoded, match_event_handler=note)
        array = np.array(found, dtype=np.int64).reshape(-1, 2)
        return array[:, 1] - self._lengths[array[:, 0]], array[:, 0]


def _fold_with_positions(text: str) -> tuple[str, _Positions | None]:
    """Case-folded text and, if its length changed, the original position of each character."""
    folded = text.casefold()
    if len(folded) == len(text):
        return folded, None
    lengths = np.fromiter((len(c.casefold()) for c in text), dtype=np.int64, count=len(text))
    return folded, np.repeat(np.arange(len(text), dtype=np.int64), lengths)
