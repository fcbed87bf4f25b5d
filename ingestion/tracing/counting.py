"""Counts the text units in which names occur, alone and together (docs/method.md#tracing).

``trace_shard`` is the unit of work: it turns one shard of a corpus into ``PartialCounts``. What
does not belong here: the search in a text (``ingestion.tracing.batches``), adding counts up
(``ingestion.tracing.partial_counts``), processes and files (``ingestion.tracing.corpus``).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ingestion.corpora import CorpusSettings, Document, Shard, Tally, read_documents
from ingestion.tracing.batches import Batch, FactIndex
from ingestion.tracing.matching import Engine, Matcher, Matching
from ingestion.tracing.names import FactNames
from ingestion.tracing.partial_counts import PartialCounts, TracingError, no_counts
from ingestion.tracing.units import UNIT_KINDS, TokenCounter, UnitKind

__all__ = [
    "BATCH_CHARACTERS", "TracingArguments", "TracingSettings", "count_documents", "trace_shard",
]  # fmt: skip

BATCH_CHARACTERS = 16_000_000
"""Characters that are searched at once. Each search has a start-up cost, so smaller batches are
slower; larger batches need more memory (about 20 bytes a character)."""


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
    facts = FactIndex(names, settings.matching)
    counts = no_counts(names, settings.units, has_tokens=counter is not None)
    for batch in _batches(documents):
        Batch(batch, language, counter, settings.units, settings.chunk_tokens).count(
            matcher, facts, counts
        )
    return counts


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


@functools.lru_cache(maxsize=2)
def _matcher(names: tuple[str, ...], matching: Matching, engine: Engine) -> Matcher:
    return Matcher(names, matching, engine)


@functools.lru_cache(maxsize=2)
def _counter(tokenizer_json: str) -> TokenCounter:
    return TokenCounter(tokenizer_json)
