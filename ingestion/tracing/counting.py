"""Counts the text units in which names occur, alone and together (docs/method.md#tracing).

``trace_shard`` is the unit of work: it turns one shard of a corpus into ``PartialCounts``. Partial
counts add up in any order; ``finish`` turns their sum into rows of the lake tables ``occurrences``
and ``corpus_sizes``. What does not belong here: processes and files (``ingestion.tracing.corpus``).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from ingestion.contract import LAKE
from ingestion.corpora import (
    CorpusSettings,
    Document,
    Shard,
    Tally,
    check_readable,
    read_documents,
)
from ingestion.errors import FactrootsError
from ingestion.tracing.borders import ranges
from ingestion.tracing.matching import Engine, Matcher, Matches, Matching
from ingestion.tracing.names import FactNames
from ingestion.tracing.separation import can_overlap, end_words, stand_apart
from ingestion.tracing.units import (
    UNIT_KINDS,
    TokenCounter,
    UnitKind,
    chunk_starts,
    sentence_starts,
)

__all__ = [
    "BATCH_CHARACTERS",
    "Evidence",
    "PartialCounts",
    "TracingArguments",
    "TracingError",
    "TracingSettings",
    "count_documents",
    "finish",
    "merge",
    "trace_shard",
]

BATCH_CHARACTERS = 16_000_000
"""Characters that are searched at once. Each search has a start-up cost, so smaller batches are
slower; larger batches need more memory (about 20 bytes a character)."""

# Longest evidence passage, and the text around a name in a shortened one, in characters.
_PASSAGE = 600
_MARGIN = 150
_ELLIPSIS = " … "
_NOTES = 20

_Integers = npt.NDArray[np.int64]


class TracingError(FactrootsError, ValueError):
    """Tracing settings contradict each other, or partial counts come from different runs."""


@dataclass(frozen=True)
class TracingSettings:
    """What is counted, and what counts as a match."""

    units: tuple[UnitKind, ...] = ("chunk",)
    """Kinds of text units in which both names must occur; one pass counts all kinds."""
    matching: Matching = "exact"
    """How a name is matched."""
    chunk_tokens: int = 512
    """Largest number of tokens in a chunk, without special tokens."""
    engine: Engine = "polars"
    """String search that finds the names; the counts do not depend on it."""


@dataclass(frozen=True)
class TracingArguments:
    """What a trace of one corpus in one language needs; the same for all of its shards."""

    corpus: CorpusSettings
    """Files and layout of the corpus."""
    language: str
    """Wikipedia code; selects the files and the sentence splitter."""
    names: FactNames
    """Facts to look for."""
    settings: TracingSettings = field(default_factory=TracingSettings)
    """What is counted; by default exact matches in chunks of 512 tokens."""
    tokenizer_json: str | None = None
    """Serialised state of the model's tokenizer. Needed to cut chunks and to count tokens; it
    takes about half of the time."""


class Evidence(NamedTuple):
    """A passage with both names.

    The smallest passage by field order is kept, so the result does not depend on the order of work.
    """

    distance: int
    """Characters between the two names."""
    document: str
    """Title of the document."""
    offset: int
    """Start of the passage, in characters of the document's text."""
    text: str
    """The passage."""


@dataclass
class PartialCounts:
    """Counts over some shards of one corpus in one language."""

    names_digest: str
    """Digest of the names; only counts of the same names can be added."""
    unit_counts: dict[str, int] = field(default_factory=dict)
    """Text units of each kind, characters, bytes and tokens that were searched."""
    mention_counts: dict[UnitKind, _Integers] = field(default_factory=dict)
    """Per kind of text unit and mention: text units that contain the mention."""
    shared_counts: dict[UnitKind, _Integers] = field(default_factory=dict)
    """Per kind of text unit and fact: text units that contain both subject and object."""
    separate_counts: dict[UnitKind, _Integers] = field(default_factory=dict)
    """Per kind of text unit and fact: those of them in which the two names stand apart."""
    evidence: dict[UnitKind, dict[int, Evidence]] = field(default_factory=dict)
    """Per kind of text unit and fact (by position): its best passage."""
    tallies: dict[str, Tally] = field(default_factory=dict)
    """Per file, the tally of its pages."""
    file_bytes: dict[str, int] = field(default_factory=dict)
    """Per file, its size in bytes as stored."""


def trace_shard(shard: Shard, arguments: TracingArguments) -> PartialCounts:
    """Read one shard of a corpus and count.

    Raises:
        TracingError: chunks are asked for without a tokenizer.
        CorpusError: the file does not have the layout of its settings.
    """
    tally = Tally()
    json = arguments.tokenizer_json
    failures = _counter(json).failure_count if json is not None else 0
    counts = count_documents(
        read_documents(arguments.corpus, shard, tally),
        arguments.language,
        arguments.names,
        arguments.settings,
        json,
    )
    if json is not None and (count := _counter(json).failure_count - failures):
        tally.note(f"{shard.file.name}: the tokenizer fails on {count:,} words: one token each")
    counts.tallies[shard.file.path] = tally
    counts.file_bytes[shard.file.path] = shard.file.size
    return counts


def count_documents(
    documents: Iterable[Document],
    language: str,
    names: FactNames,
    settings: TracingSettings,
    tokenizer_json: str | None = None,
) -> PartialCounts:
    """Count over documents, such as those of a shard.

    Raises:
        TracingError: chunks are asked for without a tokenizer, or a kind of text unit is unknown.
    """
    if "chunk" in settings.units and tokenizer_json is None:
        raise TracingError(
            "chunks are measured in tokens: give the model's tokenizer, "
            "or ask for sentences or articles"
        )
    if not settings.units or not set(settings.units) <= set(UNIT_KINDS):
        raise TracingError(f"units are some of {', '.join(UNIT_KINDS)}, not {settings.units}")
    matcher = _matcher(names.names, settings.matching, settings.engine)
    counter = _counter(tokenizer_json) if tokenizer_json is not None else None
    facts = _FactIndex(names, settings.matching)
    counts = _zero(names, settings.units, has_tokens=counter is not None)
    for batch in _batches(documents):
        _Batch(batch, language, counter, settings).count(matcher, facts, counts)
    return counts


def merge(parts: Iterable[PartialCounts]) -> PartialCounts:
    """Add partial counts; the order does not matter.

    Raises:
        TracingError: there are none, or they have different names or kinds of text units.
    """
    total: PartialCounts | None = None
    for part in parts:
        if total is None:
            total = PartialCounts(part.names_digest)
            for kind, counted in part.mention_counts.items():
                total.mention_counts[kind] = np.zeros_like(counted)
                total.shared_counts[kind] = np.zeros_like(part.shared_counts[kind])
                total.separate_counts[kind] = np.zeros_like(part.separate_counts[kind])
                total.evidence[kind] = {}
        if (part.names_digest, part.mention_counts.keys()) != (
            total.names_digest,
            total.mention_counts.keys(),
        ):
            raise TracingError("partial counts of different facts or units do not add up")
        for name, count in part.unit_counts.items():
            total.unit_counts[name] = total.unit_counts.get(name, 0) + count
        for kind in part.mention_counts:
            total.mention_counts[kind] += part.mention_counts[kind]
            total.shared_counts[kind] += part.shared_counts[kind]
            total.separate_counts[kind] += part.separate_counts[kind]
            for fact, evidence in part.evidence[kind].items():
                _keep_best(total.evidence[kind], fact, evidence)
        for path, tally in part.tallies.items():
            total.tallies[path] = _added(total.tallies.get(path, Tally()), tally)
        total.file_bytes.update(part.file_bytes)
    if total is None:
        raise TracingError("there are no partial counts to add up")
    return total


def finish(
    counts: PartialCounts,
    names: FactNames,
    corpus_id: str,
    language: str,
    tokenizer_hash: str | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Build the rows of ``occurrences`` (one per fact, also for absent facts) and ``corpus_sizes``.

    Args:
        counts: sum over all shards of the corpus in this language.
        names: facts that were looked for.
        corpus_id: identifier of the corpus in the study.
        language: Wikipedia code.
        tokenizer_hash: hash of the tokenizer that counted; None without one.

    Raises:
        CorpusError: little of the corpus could be read.
        TracingError: the counts are of other names.
    """
    if counts.names_digest != names.digest:
        raise TracingError("these counts are of other names; count again")
    frames = []
    for kind in counts.mention_counts:
        mentions, passages = counts.mention_counts[kind], counts.evidence[kind]
        found = [passages.get(index) for index in range(len(names.fact_ids))]
        frames.append(
            pl.DataFrame(
                {
                    "corpus_id": [corpus_id] * len(found),
                    "language_code": [language] * len(found),
                    "text_unit": [kind] * len(found),
                    "fact_id": list(names.fact_ids),
                    "subject_count": mentions[names.subject_mentions],
                    "object_count": mentions[names.object_mentions],
                    "shared_count": counts.shared_counts[kind],
                    "separate_count": counts.separate_counts[kind],
                    "evidence_document": [e.document if e else None for e in found],
                    "evidence_offset": [e.offset if e else None for e in found],
                    "evidence_distance": [e.distance if e else None for e in found],
                    "evidence_text": [e.text if e else None for e in found],
                },
                schema=pl.Schema(LAKE["occurrences"].schema),
            )
        )
    return pl.concat(frames), _sizes(counts, corpus_id, language, tokenizer_hash)


def _sizes(
    counts: PartialCounts, corpus_id: str, language: str, tokenizer_hash: str | None
) -> pl.DataFrame:
    all_pages = functools.reduce(_added, counts.tallies.values(), Tally())
    if counts.tallies:
        check_readable(all_pages, f"corpus '{corpus_id}', language '{language}'")
    notes = sorted({note for tally in counts.tallies.values() for note in tally.notes})
    if len(notes) > _NOTES:
        notes = [*notes[:_NOTES], f"and {len(notes) - _NOTES} more"]
    row = {
        "corpus_id": corpus_id,
        "language_code": language,
        "file_count": len(counts.tallies),
        "source_bytes": sum(counts.file_bytes.values()),
        "page_count": all_pages.page_count,
        "document_count": all_pages.document_count,
        "redirect_count": all_pages.redirect_count,
        "other_namespace_count": all_pages.other_namespace_count,
        "empty_count": all_pages.empty_count,
        "broken_count": all_pages.broken_count,
        "is_truncated": all_pages.is_truncated,
        "problem_note": "; ".join(notes) or None,
        "character_count": counts.unit_counts["character_count"],
        "text_bytes": counts.unit_counts["text_bytes"],
        "sentence_count": counts.unit_counts["sentence_count"],
        "chunk_count": counts.unit_counts.get("chunk_count"),
        "token_count": counts.unit_counts.get("token_count"),
        "tokenizer_hash": tokenizer_hash,
    }
    return pl.DataFrame([row], schema=pl.Schema(LAKE["corpus_sizes"].schema))


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


class _FactIndex:
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
        facts: _FactIndex,
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
        for row in np.flatnonzero(apart & self._facts.can_overlap[fact]).tolist():
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


class _Batch:
    """Documents that are searched as one text, with the borders of their text units."""

    def __init__(
        self,
        documents: Sequence[Document],
        language: str,
        counter: TokenCounter | None,
        settings: TracingSettings,
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
                limit = settings.chunk_tokens
                chunks.extend(
                    base + start for start in chunk_starts(text, starts, counts, counter, limit)
                )
        self.sentences = np.array(sentences, dtype=np.int64)
        self.chunks = np.array(chunks, dtype=np.int64)
        self.kinds = settings.units
        titles = [document.title for document in documents]
        self.title_ranks = np.argsort(np.argsort(np.array(titles, dtype=object), kind="stable"))

    def count(self, matcher: Matcher, facts: _FactIndex, counts: PartialCounts) -> None:
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
        facts: _FactIndex,
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
            _keep_best(counts.evidence[kind], int(fact[row]), evidence)

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


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document.text)
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _zero(names: FactNames, units: Sequence[UnitKind], *, has_tokens: bool) -> PartialCounts:
    totals = ["character_count", "text_bytes", "sentence_count"]
    totals += ["chunk_count", "token_count"] if has_tokens else []
    kinds = [kind for kind in UNIT_KINDS if kind in units]
    return PartialCounts(
        names.digest,
        dict.fromkeys(totals, 0),
        {kind: np.zeros(len(names.mention_names), dtype=np.int64) for kind in kinds},
        {kind: np.zeros(len(names.fact_ids), dtype=np.int64) for kind in kinds},
        {kind: np.zeros(len(names.fact_ids), dtype=np.int64) for kind in kinds},
        {kind: {} for kind in kinds},
    )


def _keep_best(kept: dict[int, Evidence], fact: int, evidence: Evidence) -> None:
    if fact not in kept or evidence < kept[fact]:
        kept[fact] = evidence


def _added(one: Tally, other: Tally) -> Tally:
    return Tally(
        one.page_count + other.page_count,
        one.document_count + other.document_count,
        one.redirect_count + other.redirect_count,
        one.other_namespace_count + other.other_namespace_count,
        one.empty_count + other.empty_count,
        one.broken_count + other.broken_count,
        one.is_truncated or other.is_truncated,
        sorted({*one.notes, *other.notes}),
    )


@functools.lru_cache(maxsize=2)
def _matcher(names: tuple[str, ...], matching: Matching, engine: Engine) -> Matcher:
    return Matcher(names, matching, engine)


@functools.lru_cache(maxsize=2)
def _counter(tokenizer_json: str) -> TokenCounter:
    return TokenCounter(tokenizer_json)
