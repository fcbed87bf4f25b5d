"""Reads the documents of a corpus as a stream, and counts what was read, left out and lost.

The unit of work is a shard: a file, or a range of a file that can be read from its middle. Shards
can be read in any order and on any machine; together they give every document exactly once.
"""

from __future__ import annotations

import codecs
import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from ingestion.corpora.documents import Document, Shard, Tally
from ingestion.corpora.parquet_text import open_parquet, parquet_documents
from ingestion.corpora.settings import (
    CorpusError,
    CorpusSettings,
    JsonLines,
    ParquetText,
    SourceFile,
    WikipediaDump,
    as_corpus_error,
    list_files,
)
from ingestion.corpora.streams import CutStreamError, is_divisible, stream_blocks
from ingestion.corpora.text_lines import json_documents, refuse_array, text_documents
from ingestion.corpora.wikipedia_dump import wikipedia_documents

__all__ = [
    "SHARD_BYTES",
    "check_layout",
    "check_readable",
    "file_shards",
    "read_documents",
]

SHARD_BYTES = 64 << 20
"""Size of a shard in stored bytes, about one minute of work."""


def check_readable(tally: Tally, where: str) -> None:
    """Refuse a corpus that was hardly read, because every fact would be absent from it.

    Args:
        tally: counts of all files of the corpus in one language.
        where: the corpus, for the message.

    Raises:
        CorpusError: no page was found, no document has text, or most pages are broken.
    """
    left_out = tally.redirect_count + tally.other_namespace_count + tally.empty_count
    if left_out + tally.broken_count < tally.page_count and (
        tally.broken_count <= tally.page_count / 2
    ):
        return
    notes = "".join(f"\n  {note}" for note in tally.notes[:5])
    raise CorpusError(
        f"{where}: of {tally.page_count:,} pages {tally.document_count:,} have text and "
        f"{tally.broken_count:,} are broken, so it does not show which facts are absent.{notes}\n"
        "Look whether the files are complete, in UTF-8, and of this kind of corpus; or take the "
        "corpus or this language out of the study."
    )


def check_layout(settings: CorpusSettings, language: str, folder: Path | None = None) -> None:
    """Look at the beginning of each local file of a corpus, before anything is computed from it.

    Args:
        settings: the corpus.
        language: Wikipedia code.
        folder: base folder of relative paths.

    Raises:
        CorpusError: a file has another layout, or lacks a column; the message says what to do.
    """
    for file in list_files(settings, language, folder):
        if file.is_remote:
            continue
        if isinstance(settings, ParquetText):
            with file.open() as raw:
                open_parquet(settings, file, raw)
            continue
        with contextlib.suppress(CutStreamError):
            head, _ = next(stream_blocks(file), (b"", True))
            head = head.removeprefix(codecs.BOM_UTF8).lstrip()
            if isinstance(settings, JsonLines):
                refuse_array(head, file)
            _refuse_other_kind(settings, head, file)


def _refuse_other_kind(settings: CorpusSettings, head: bytes, file: SourceFile) -> None:
    """Raise ``CorpusError`` if a dump is given as text, or another file as a dump."""
    if isinstance(settings, WikipediaDump):
        if head and not any(tag in head for tag in (b"<mediawiki", b"<page")):
            raise CorpusError(
                f"{file.path} does not begin as a dump of MediaWiki: its first {len(head):,} bytes "
                "have no <mediawiki> and no <page>. Name the kind of corpus that it is."
            )
    elif head.startswith((b"<?xml", b"<mediawiki")):
        raise CorpusError(
            f"{file.path} is XML: write kind: wikipedia_dump in the study file if it is a dump of "
            "MediaWiki, else extract its text."
        )


def file_shards(
    settings: CorpusSettings, file: SourceFile, shard_bytes: int = SHARD_BYTES
) -> tuple[Shard, ...]:
    """Split a file into shards: ranges of a plain or bzip2 dump; otherwise the whole file."""
    is_small = file.size <= shard_bytes
    if is_small or not isinstance(settings, WikipediaDump) or not is_divisible(file):
        return (Shard(file),)
    borders = [*range(0, file.size, shard_bytes), None]
    return tuple(Shard(file, start or 0, end) for start, end in itertools.pairwise(borders))


def read_documents(settings: CorpusSettings, shard: Shard, tally: Tally) -> Iterator[Document]:
    """Read the documents of a shard in file order, one at a time.

    Args:
        settings: layout of the file.
        shard: what to read.
        tally: filled while reading; complete when the iterator is exhausted. Broken pages and a
            cut file are counted here and do not stop the reading.

    Raises:
        CorpusError: the file lacks a column or key, or is not a Parquet file; or it is behind an
            address and cannot be read to its end.
    """
    file = shard.file
    with as_corpus_error(file.path) if file.is_remote else contextlib.nullcontext():
        yield from _documents(settings, shard, tally)


def _documents(settings: CorpusSettings, shard: Shard, tally: Tally) -> Iterator[Document]:
    if isinstance(settings, WikipediaDump):
        found = wikipedia_documents(settings, shard, tally)
    elif isinstance(settings, ParquetText):
        found = parquet_documents(settings, shard.file, tally)
    elif isinstance(settings, JsonLines):
        found = json_documents(settings, shard.file, tally)
    else:
        found = text_documents(settings, shard.file, tally)
    for title, text in found:
        if text.strip():
            tally.document_count += 1
            yield Document(title, text)
        else:
            tally.empty_count += 1
