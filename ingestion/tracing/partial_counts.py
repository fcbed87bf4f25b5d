"""Counts of text units over some shards of a corpus: they add up in any order, and become rows.

``merge`` adds partial counts; ``finish`` turns their sum into rows of the lake tables
``occurrences`` and ``corpus_sizes``. What does not belong here: counting itself
(``ingestion.tracing.counting``), files (``ingestion.tracing.corpus``).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from ingestion.contract import LAKE
from ingestion.corpora import Tally, check_readable
from ingestion.errors import FactrootsError
from ingestion.tracing.names import FactNames
from ingestion.tracing.units import UNIT_KINDS, UnitKind

__all__ = [
    "Evidence", "PartialCounts", "TracingError", "finish", "keep_best", "merge", "no_counts",
]  # fmt: skip

_NOTES = 20

_Integers = npt.NDArray[np.int64]


class TracingError(FactrootsError, ValueError):
    """Tracing settings contradict each other, or partial counts come from different runs."""


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


def no_counts(names: FactNames, units: Sequence[UnitKind], *, has_tokens: bool) -> PartialCounts:
    """Make counts of nothing, to which a batch is added."""
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
                keep_best(total.evidence[kind], fact, evidence)
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


def keep_best(kept: dict[int, Evidence], fact: int, evidence: Evidence) -> None:
    """Keep the best passage of a fact: the smaller one."""
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
