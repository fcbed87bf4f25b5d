"""Reads the documents of a corpus as a stream, and counts what was read, left out and lost.

The unit of work is a shard: a file, or a range of a file that can be read from its middle. Shards
can be read in any order and on any machine; together they give every document exactly once.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.corpora.mediawiki import BrokenPage, Page, read_namespaces, read_pages
from ingestion.corpora.settings import (
    CorpusError,
    CorpusSettings,
    JsonLines,
    ParquetText,
    PlainText,
    SourceFile,
    WikipediaDump,
)
from ingestion.corpora.streams import CutStreamError, is_divisible, stream_blocks
from ingestion.corpora.wikitext import MEDIA_NAMESPACES, WikitextError, plain_text

__all__ = ["SHARD_BYTES", "Document", "Shard", "Tally", "file_shards", "read_documents"]

SHARD_BYTES = 64 << 20
"""Size of a shard in stored bytes, about one minute of work."""

_FILE_NAMESPACES = (-2, 6, 14)
_ROWS = 1_000
_NOTES = 20
# A redirect in any language: '#REDIRECT [[Berlin]]', '#WEITERLEITUNG [[Berlin]]'.
_REDIRECT = re.compile(r"\s*#\s*[^\W\d_]+\s*:?\s*\[\[")


@dataclass(frozen=True)
class Document:
    """One document; the text unit 'article' of this corpus."""

    title: str
    """Title by which a person can find it."""
    text: str
    """Plain text in NFC, one paragraph per line."""


@dataclass(frozen=True)
class Shard:
    """One file, or the documents of it that begin in a range of bytes."""

    file: SourceFile
    """The file."""
    start: int = 0
    """First stored byte."""
    end: int | None = None
    """First stored byte of the next shard; None at the end of the file."""


@dataclass
class Tally:
    """Counts of the pages of one shard: read, left out and lost."""

    page_count: int = 0
    """Pages, rows or lines found, including those left out."""
    document_count: int = 0
    """Documents with text."""
    redirect_count: int = 0
    """Pages left out because they are redirects."""
    other_namespace_count: int = 0
    """Pages left out because they are not articles."""
    empty_count: int = 0
    """Pages left out because no text remained."""
    broken_count: int = 0
    """Pages that are malformed or cut."""
    is_truncated: bool = False
    """Whether the file ends too early."""
    notes: list[str] = field(default_factory=list)
    """What was lost, in words; the first 20 notes."""

    def note(self, text: str) -> None:
        """Add a note about a loss, up to 20."""
        if len(self.notes) < _NOTES:
            self.notes.append(text)


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
        CorpusError: the file lacks a column or key, or is not a Parquet file.
    """
    if isinstance(settings, WikipediaDump):
        found = _wiki_documents(shard, tally)
    elif isinstance(settings, ParquetText):
        found = _parquet_documents(settings, shard.file, tally)
    elif isinstance(settings, JsonLines):
        found = _json_documents(settings, shard.file, tally)
    else:
        found = _text_documents(settings, shard.file, tally)
    for title, text in found:
        if text.strip():
            tally.document_count += 1
            yield Document(title, text)
        else:
            tally.empty_count += 1


def _wiki_documents(shard: Shard, tally: Tally) -> Iterator[tuple[str, str]]:
    file = shard.file

    @functools.cache
    def namespaces() -> dict[str, int]:
        try:
            return read_namespaces(file)
        except CutStreamError:
            return {}

    @functools.cache
    def media_names() -> frozenset[str]:
        own = {name for name, number in namespaces().items() if number in _FILE_NAMESPACES}
        return MEDIA_NAMESPACES | own

    try:
        for page in read_pages(file, shard.start, shard.end):
            tally.page_count += 1
            if isinstance(page, BrokenPage):
                tally.broken_count += 1
                tally.is_truncated |= page.is_cut
                since = f" after byte {shard.start:,}" if shard.start else ""
                tally.note(f"{file.name}: page {tally.page_count}{since} {page.reason}")
            elif page.is_redirect or _REDIRECT.match(page.wikitext):
                tally.redirect_count += 1
            elif _is_article(page, namespaces) and page.model == "wikitext":
                try:
                    text = plain_text(page.wikitext, media_names())
                except WikitextError as error:
                    tally.broken_count += 1
                    tally.note(f"{file.name}: page {page.title!r}: {error}")
                else:
                    yield page.title, text
            else:
                tally.other_namespace_count += 1
    except CutStreamError as error:
        tally.is_truncated = True
        tally.note(f"{file.name} {error}")
    if tally.page_count == 0 and shard.start == 0 and shard.end is None:
        tally.note(f"{file.name} has no <page>")


def _is_article(page: Page, namespaces: Callable[[], dict[str, int]]) -> bool:
    """Whether a page is an article: by its ``ns``; in old dumps, by its title and the header."""
    if page.namespace is not None:
        return page.namespace == 0
    prefix, colon, _ = page.title.partition(":")
    return not colon or prefix.strip().lower() not in namespaces()


def _parquet_documents(
    settings: ParquetText, file: SourceFile, tally: Tally
) -> Iterator[tuple[str, str]]:
    wanted = [c for c in (settings.text_column, settings.title_column) if c is not None]
    with file.open() as raw:
        try:
            table = pq.ParquetFile(raw)
        except pa.ArrowInvalid as error:
            raise CorpusError(f"{file.path} is not a complete Parquet file: {error}") from error
        missing = [column for column in wanted if column not in table.schema_arrow.names]
        if missing:
            raise CorpusError(
                f"{file.path} has no column {missing[0]!r}. "
                f"It has: {', '.join(table.schema_arrow.names)}. "
                "Set text_column and title_column to your columns."
            )
        for batch in table.iter_batches(batch_size=_ROWS, columns=wanted):
            columns = [batch.column(name).to_pylist() for name in wanted]
            titles = columns[1] if len(columns) > 1 else [None] * len(columns[0])
            for title, text in zip(titles, columns[0], strict=True):
                tally.page_count += 1
                yield _title(title, file, tally), _clean(text or "")


def _json_documents(
    settings: JsonLines, file: SourceFile, tally: Tally
) -> Iterator[tuple[str, str]]:
    for line in _lines(file, tally):
        if not line.strip():
            continue
        tally.page_count += 1
        try:
            entry = json.loads(line)
        except ValueError as error:
            entry = error
        if not isinstance(entry, dict):
            tally.broken_count += 1
            tally.note(f"{file.name}: object {tally.page_count} is not a JSON object")
            continue
        text = entry.get(settings.text_key)
        if not isinstance(text, str):
            raise CorpusError(
                f"{file.path}: object {tally.page_count} has no text under {settings.text_key!r}. "
                f"Its keys: {', '.join(entry)}. Set text_key to your key."
            )
        title = entry.get(settings.title_key) if settings.title_key else None
        yield _title(title, file, tally), _clean(text)


def _text_documents(
    settings: PlainText, file: SourceFile, tally: Tally
) -> Iterator[tuple[str, str]]:
    if settings.document == "file":
        tally.page_count += 1
        yield file.name, _clean("\n".join(_lines(file, tally)))
        return
    for line in _lines(file, tally):
        tally.page_count += 1
        yield _title(None, file, tally), _clean(line)


def _lines(file: SourceFile, tally: Tally) -> Iterator[str]:
    rest = b""
    try:
        for block, _ in stream_blocks(file):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield _decoded(line, file, tally)
    except CutStreamError as error:
        tally.is_truncated = True
        tally.note(f"{file.name} {error}")
    if rest:
        yield _decoded(rest, file, tally)


def _decoded(line: bytes, file: SourceFile, tally: Tally) -> str:
    try:
        return line.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        tally.broken_count += 1
        tally.note(f"{file.name}: line {tally.page_count + 1} is not UTF-8 ({error.reason})")
        return line.decode("utf-8", errors="replace")


def _title(title: object, file: SourceFile, tally: Tally) -> str:
    return str(title) if title is not None else f"{file.name}:{tally.page_count}"


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\0", " "))
