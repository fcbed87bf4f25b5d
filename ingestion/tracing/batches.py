"""Batches: documents that are searched as one text, and the names that share their text units.

What belongs here: the borders of text units in a batch, matches as arrays, facts with both names in
a text unit, and the passage that is kept as evidence. What does not: reading documents, adding up
counts (``ingestion.tracing.counting``, ``ingestion.tracing.partial_counts``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingestion.corpora import Document
from ingestion.tracing.borders import ranges
from ingestion.tracing.matching import Matcher, Matches, Matching
from ingestion.tracing.names import FactNames
from ingestion.tracing.partial_counts import Evidence, PartialCounts, keep_best
from ingestion.tracing.separation import can_overlap, end_words, stand_apart
from ingestion.tracing.units import TokenCounter, UnitKind, chunk_starts, sentence_starts

__all__ = ["Batch", "FactIndex"]

# Longest evidence passage, and the text around a name in a shortened one, in characters.
_PASSAGE = 600
_MARGIN = 150
_ELLIPSIS = " … "

_Integers = npt.NDArray[np.int64]


class _Mentions(NamedTuple):
    """Mentions in a text; four arrays of one length."""

    starts: _Integers
    ends: _Integers
    mentions: _Integers
    are_whole: npt.NDArray[np.bool_]
    """Whether the word ends with the name (and its particles)."""

    def chosen(self, rows: npt.NDArray[np.bool_]) -> _Mentions:
        """Some of the mentions, in the same order."""
        return _Mentions(
            self.starts[rows], self.ends[rows], self.mentions[rows], self.are_whole[rows]
        )


class FactIndex:
    """Facts grouped by the mention of their subject, as arrays for vectorised look-ups.

    The facts of subject mention m are ``order[starts[m] : starts[m] + counts[m]]``.
    """

    def __init__(self, names: FactNames, matching: Matching) -> None:
        self.digest = names.digest
        self.can_overlap = can_overlap(names, matching)
        self.objects = names.object_mentions.astype(np.int64)
        self.mention_count = len(names.mention_names)
        self.order = np.argsort(names.subject_mentions, kind="stable").astype(np.int64)
        self.counts = np.bincount(names.subject_mentions, minlength=self.mention_count)
        self.starts = np.cumsum(self.counts) - self.counts
        pairs = [(n, m) for m, group in enumerate(names.mention_names) for n in group]
        by_name = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        self.mention_of = by_name[:, 1]
        self.mentions_per_name = np.bincount(by_name[:, 0], minlength=len(names.names))
        self.mention_starts = np.cumsum(self.mentions_per_name) - self.mentions_per_name

    def mentions(self, matches: Matches, text: str) -> _Mentions:
        """Mentions of all matches in a text; a name of two mentions gives two entries."""
        counts = self.mentions_per_name[matches.names]
        return _Mentions(
            np.repeat(matches.starts, counts),
            np.repeat(matches.ends, counts),
            self.mention_of[ranges(self.mention_starts[matches.names], counts)],
            np.repeat(end_words(text, matches.ends), counts),
        )


class _Groups:
    """Matches in groups of one mention in one text unit each, so that groups count text units."""

    def __init__(
        self,
        units: _Integers,
        found: _Mentions,
        facts: FactIndex,
    ) -> None:
        order = np.lexsort((found.starts, found.mentions, units))
        self.units, self.starts, self.ends = units[order], found.starts[order], found.ends[order]
        self._are_whole = found.are_whole[order]
        self._facts = facts
        # (text unit, mention) as one number, in sorted order: a group is found by binary search.
        keys = self.units * facts.mention_count + found.mentions[order]
        self._keys, self._first, self._sizes = np.unique(
            keys, return_index=True, return_counts=True
        )
        self.mentions = self._keys % max(1, facts.mention_count)

    def shared(self) -> tuple[_Integers, _Integers, _Integers]:
        """Facts with both names in a text unit: fact, subject's group, object's group."""
        facts = self._facts
        # For every fact of every subject group, look for its object's group in the same text unit.
        per_group = facts.counts[self.mentions]
        subjects = np.repeat(np.arange(len(self._keys)), per_group)
        fact = facts.order[ranges(facts.starts[self.mentions], per_group)]
        units = self._keys[subjects] // max(1, facts.mention_count)
        wanted = units * facts.mention_count + facts.objects[fact]
        objects = np.searchsorted(self._keys, wanted)
        is_there = objects < len(self._keys)
        is_there[is_there] = self._keys[objects[is_there]] == wanted[is_there]
        return fact[is_there], subjects[is_there], objects[is_there]

    def separate(
        self, fact: _Integers, subjects: _Integers, objects: _Integers
    ) -> npt.NDArray[np.bool_]:
        """Whether the two names stand apart; arguments as ``shared`` returns them."""
        has_whole = np.logical_or.reduceat(self._are_whole, self._first)
        apart: npt.NDArray[np.bool_] = has_whole[subjects] & has_whole[objects]
        # Most names cannot overlap.
        rows = np.flatnonzero(apart)
        for row in rows[self._facts.can_overlap(fact[rows])].tolist():
            apart[row] = stand_apart(self._spans(subjects[row]), self._spans(objects[row]))
        return apart

    def _spans(self, group: int) -> list[tuple[int, int]]:
        """Starts and ends of a group's mentions that are words of their own."""
        rows = slice(self._first[group], self._first[group] + self._sizes[group])
        whole = self._are_whole[rows]
        starts, ends = self.starts[rows][whole].tolist(), self.ends[rows][whole].tolist()
        return list(zip(starts, ends, strict=True))

    def closest(
        self, fact: _Integers, subjects: _Integers, objects: _Integers, length: int
    ) -> tuple[_Integers, _Integers, _Integers, _Integers]:
        """Each subject match with the closest object match of its text unit.

        Args:
            fact, subjects, objects: as ``shared`` returns them.
            length: characters of the text.

        Returns:
            Fact, position of the subject match, position of the object match, distance in
            characters; one entry per fact and subject match.
        """
        sizes = self._sizes[subjects]
        fact, objects = np.repeat(fact, sizes), np.repeat(objects, sizes)
        subject = ranges(self._first[subjects], sizes)
        # Within a group matches are sorted by start, so the closest one is the last before the
        # subject or the first after it. (group, start) as one number finds both in all groups.
        groups = np.repeat(np.arange(len(self._keys)), self._sizes)
        span = length + 2
        after = np.searchsorted(groups * span + self.starts, objects * span + self.starts[subject])
        first = self._first[objects]
        last = first + self._sizes[objects] - 1
        best = np.full(len(fact), np.iinfo(np.int64).max)
        chosen = np.zeros(len(fact), dtype=np.int64)
        for neighbour in (after - 1, after):
            candidate = np.clip(neighbour, first, last)
            gap = np.maximum(
                self.starts[candidate] - self.ends[subject],
                self.starts[subject] - self.ends[candidate],
            )
            distance = np.maximum(0, gap)
            is_closer = distance < best
            best = np.where(is_closer, distance, best)
            chosen = np.where(is_closer, candidate, chosen)
        return fact, subject, chosen, best


class Batch:
    """Documents that are searched as one text, with the borders of their text units."""

    def __init__(
        self,
        documents: Sequence[Document],
        language: str,
        counter: TokenCounter | None,
        units: Sequence[UnitKind],
        chunk_tokens: int,
    ) -> None:
        self.documents = documents
        # No name contains the separator, and no name matches across it.
        self.text = "\0".join(document.text for document in documents)
        lengths = np.array([len(document.text) for document in documents], dtype=np.int64)
        self.starts = np.cumsum(lengths + 1) - lengths - 1
        self.ends = self.starts + lengths
        self.character_count = int(lengths.sum())
        self.token_count = 0
        sentences: list[int] = []
        chunks: list[int] = []
        for document, base in zip(documents, self.starts.tolist(), strict=True):
            starts = sentence_starts(document.text, language)
            sentences.extend(base + start for start in starts)
            if counter is not None:
                text = document.text
                spans = zip(starts, [*starts[1:], len(text)], strict=True)
                counts = counter.counts([text[start:end] for start, end in spans])
                self.token_count += sum(counts)
                chunks.extend(
                    base + start
                    for start in chunk_starts(text, starts, counts, counter, chunk_tokens)
                )
        self.sentences = np.array(sentences, dtype=np.int64)
        self.chunks = np.array(chunks, dtype=np.int64)
        self.kinds = units
        titles = [document.title for document in documents]
        self.title_ranks = np.argsort(np.argsort(np.array(titles, dtype=object), kind="stable"))

    def count(self, matcher: Matcher, facts: FactIndex, counts: PartialCounts) -> None:
        """Add this batch to the counts."""
        totals = counts.unit_counts
        totals["character_count"] += self.character_count
        totals["text_bytes"] += len(self.text.encode()) - len(self.documents) + 1
        totals["sentence_count"] += len(self.sentences)
        if "token_count" in totals:
            totals["token_count"] += self.token_count
            totals["chunk_count"] += len(self.chunks)
        found = facts.mentions(matcher.find(self.text), self.text)
        for kind in self.kinds:
            borders = {"chunk": self.chunks, "sentence": self.sentences, "article": self.starts}
            self._count_kind(kind, borders[kind], found, facts, counts)

    def _count_kind(
        self,
        kind: UnitKind,
        borders: _Integers,
        found: _Mentions,
        facts: FactIndex,
        counts: PartialCounts,
    ) -> None:
        """Count the text units of one kind; works on whole arrays, as matches are millions."""
        units = np.searchsorted(borders, found.starts, side="right") - 1
        limits = np.append(borders[1:], len(self.text) + 1)
        # A name that crosses a border is in no text unit.
        inside = found.ends <= limits[units]
        groups = _Groups(units[inside], found.chosen(inside), facts)
        counts.mention_counts[kind] += np.bincount(groups.mentions, minlength=facts.mention_count)
        fact, subjects, objects = groups.shared()
        if len(fact) == 0:
            return
        counts.shared_counts[kind] += np.bincount(fact, minlength=len(facts.objects))
        apart = fact[groups.separate(fact, subjects, objects)]
        counts.separate_counts[kind] += np.bincount(apart, minlength=len(facts.objects))

        fact, subject, chosen, best = groups.closest(fact, subjects, objects, len(self.text))
        begin = np.minimum(groups.starts[subject], groups.starts[chosen])
        document = np.searchsorted(self.starts, begin, side="right") - 1
        # Only the best pair of each fact becomes text: titles rank as in ``Evidence``.
        order = np.lexsort((begin, self.title_ranks[document], best, fact))
        _, winners = np.unique(fact[order], return_index=True)
        for row in order[winners].tolist():
            pair = sorted(
                (int(groups.starts[i]), int(groups.ends[i])) for i in (subject[row], chosen[row])
            )
            unit = int(groups.units[subject[row]])
            limit = int(min(limits[unit], self.ends[document[row]]))
            title = self.documents[int(document[row])].title
            base = int(self.starts[document[row]])
            offset, text = self._passage(pair, int(borders[unit]), limit)
            evidence = Evidence(int(best[row]), title, offset - base, text)
            keep_best(counts.evidence[kind], int(fact[row]), evidence)

    def _passage(self, pair: list[tuple[int, int]], start: int, end: int) -> tuple[int, str]:
        """Cut out the sentences of both names; if they are too long, the text around the names.

        Args:
            pair: start and end of both names, in the order of the text.
            start, end: borders of the text unit.

        Returns:
            Start of the passage in the batch's text, and the passage.
        """
        (first_start, first_end), (second_start, second_end) = pair
        last_end = max(first_end, second_end)
        at = np.searchsorted(self.sentences, [first_start, last_end - 1], side="right")
        begin = max(start, int(self.sentences[at[0] - 1]))
        stop = min(end, int(self.sentences[at[1]]) if at[1] < len(self.sentences) else end)
        if stop - begin <= _PASSAGE:
            passage = self.text[begin:stop]
        else:
            begin = max(begin, self._word_start(first_start - _MARGIN, first_start))
            stop = min(stop, self._word_end(last_end, last_end + _MARGIN))
            passage = self.text[begin:stop]
            if second_start - first_end > _PASSAGE:
                head = self.text[begin : self._word_end(first_end, first_end + _MARGIN)]
                tail = self.text[self._word_start(second_start - _MARGIN, second_start) : stop]
                passage = head + _ELLIPSIS + tail
        blank = len(passage) - len(passage.lstrip())
        return begin + blank, passage.strip()

    def _word_start(self, earliest: int, latest: int) -> int:
        """Start of a passage: after the first blank, if there is one before the name."""
        blank = self.text.find(" ", max(0, earliest), latest)
        return max(0, earliest) if blank < 0 else blank + 1

    def _word_end(self, earliest: int, latest: int) -> int:
        """End of a passage: before the last blank, if there is one after the name."""
        blank = self.text.rfind(" ", earliest, latest)
        return latest if blank < 0 else blank
