"""Reads the documents of a corpus as a stream, and counts what was read, left out and lost.

The unit of work is a shard: a file, or a range of a file that can be read from its middle. Shards
can be read in any order and on any machine; together they give every document exactly once.
"""

from __future__ import annotations

import codecs
import contextlib
import functools
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

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
    as_corpus_error,
    list_files,
    too_large,
)
from ingestion.corpora.streams import CutStreamError, check_ratio, is_divisible, stream_blocks
from ingestion.corpora.wikitext import MEDIA_NAMESPACES, WikitextError, plain_text
from ingestion.text import normal_text

__all__ = [
    "SHARD_BYTES",
    "Document",
    "Shard",
    "Tally",
    "check_layout",
    "check_readable",
    "file_shards",
    "read_documents",
]

SHARD_BYTES = 64 << 20
"""Size of a shard in stored bytes, about one minute of work."""

_FILE_NAMESPACES = (-2, 6, 14)
_ROWS = 1_000
_NOTES = 20
# Objects without the text's key after which the key is wrong, not the objects.
_OBJECTS_WITHOUT_KEY = 100
_SURROGATE = re.compile("[\ud800-\udfff]")
# A redirect in any language: '#REDIRECT [[Berlin]]', '#WEITERLEITUNG [[Berlin]]'.
_REDIRECT = re.compile(r"\s*#\s*[^\W\d_]+\s*+(?::\s*+)?\[\[")


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
                _open_parquet(settings, file, raw)
            continue
        with contextlib.suppress(CutStreamError):
            head, _ = next(stream_blocks(file), (b"", True))
            head = head.removeprefix(codecs.BOM_UTF8).lstrip()
            if isinstance(settings, JsonLines):
                _refuse_array(head, file)
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
        found = _wiki_documents(settings, shard, tally)
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


def _wiki_documents(
    settings: WikipediaDump, shard: Shard, tally: Tally
) -> Iterator[tuple[str, str]]:
    file, largest = shard.file, settings.largest_document

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
        for page in read_pages(file, shard.start, shard.end, largest):
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
    with file.open() as raw:
        table, wanted = _open_parquet(settings, file, raw)
        for columns in _batches(table, wanted, file):
            titles = columns[1] if len(columns) > 1 else [None] * len(columns[0])
            for title, text in zip(titles, columns[0], strict=True):
                tally.page_count += 1
                if (why := _lost(text, settings.largest_document)) is not None:
                    tally.broken_count += 1
                    tally.note(f"{file.name}: row {tally.page_count} {why}")
                    continue
                title = None if isinstance(title, UnicodeDecodeError) else title
                yield _title(title, file, tally), normal_text(text or "")


def _open_parquet(
    settings: ParquetText, file: SourceFile, raw: BinaryIO
) -> tuple[pq.ParquetFile, list[str]]:
    """Open a file, and check that it has the wanted columns, which are returned as well."""
    wanted = [c for c in (settings.text_column, settings.title_column) if c is not None]
    try:
        table = pq.ParquetFile(raw)
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(f"{file.path} is not a complete Parquet file: {error}") from error
    _check_columns(wanted, table.schema_arrow, file)
    described = table.metadata
    for group, column in itertools.product(
        range(described.num_row_groups), range(described.num_columns)
    ):
        chunk = described.row_group(group).column(column)
        check_ratio(file.path, chunk.total_compressed_size, chunk.total_uncompressed_size)
    return table, wanted


def _check_columns(wanted: Sequence[str], schema: pa.Schema, file: SourceFile) -> None:
    """Raise ``CorpusError`` if a column is missing, or if the first one is not text."""
    missing = [column for column in wanted if column not in schema.names]
    if missing:
        raise CorpusError(
            f"{file.path} has no column {missing[0]!r}. "
            f"It has: {', '.join(schema.names)}. "
            "Set text_column and title_column to your columns; title_column: null if there is none."
        )
    kind = schema.field(wanted[0]).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not pa.types.is_null(kind) and not any(check(kind) for check in is_text):
        raise CorpusError(
            f"{file.path}: column {wanted[0]!r} is {kind} and not text. Set text_column to a "
            "column of text, or write the file again with this column as a string."
        )


def _batches(
    table: pq.ParquetFile, wanted: Sequence[str], file: SourceFile
) -> Iterator[list[list[Any]]]:
    """Values of the columns, batch by batch; a text that is not UTF-8 is the error it causes."""
    try:
        for batch in table.iter_batches(batch_size=_ROWS, columns=list(wanted)):
            yield [_values(batch.column(name)) for name in wanted]
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(
            f"{file.path} is damaged: {error}. Download or write it again."
        ) from error


def _lost(text: str | UnicodeDecodeError | None, largest: int) -> str | None:
    """Why a value cannot be a document; None if it can."""
    if isinstance(text, UnicodeDecodeError):
        return f"is not UTF-8 ({text.reason})"
    # A character has at most four bytes.
    if text is not None and 4 * len(text) > largest and len(text.encode()) > largest:
        return too_large(largest)
    return None


def _values(column: pa.Array) -> list[Any]:
    try:
        return cast(list[Any], column.to_pylist())
    except UnicodeDecodeError:
        return [_value(item) for item in column]


def _value(item: pa.Scalar) -> Any:
    try:
        return item.as_py()
    except UnicodeDecodeError as error:
        return error


def _json_documents(
    settings: JsonLines, file: SourceFile, tally: Tally
) -> Iterator[tuple[str, str]]:
    """Documents of a file; objects without the key are an error only if no object has it."""
    with_key, without_key = 0, ""
    for line in _lines(file, tally, settings.largest_document):
        if isinstance(line, str) and not line.strip():
            continue
        tally.page_count += 1
        entry = _json_object(line)
        if not isinstance(entry, dict):
            if tally.page_count == 1 and isinstance(line, str):
                _refuse_array(line.encode(), file)
            tally.broken_count += 1
            tally.note(f"{file.name}: object {tally.page_count} {entry}")
            continue
        text = entry.get(settings.text_key, "" if settings.text_key in entry else ...)
        if text is None or (isinstance(text, float) and text != text):
            text = ""
        with_key += isinstance(text, str)
        if not isinstance(text, str):
            tally.broken_count += 1
            problem = f"object {tally.page_count} has no text under {settings.text_key!r}"
            tally.note(f"{file.name}: {problem}")
            without_key = without_key or f"{problem}. Its keys: {', '.join(entry)}"
            if not with_key and tally.broken_count >= _OBJECTS_WITHOUT_KEY:
                break
            continue
        title = entry.get(settings.title_key) if settings.title_key else None
        yield _title(title, file, tally), normal_text(_paired(text, file, tally))
    if without_key and not with_key:
        raise CorpusError(f"{file.path}: {without_key}. Set text_key to your key.")


def _refuse_array(head: bytes, file: SourceFile) -> None:
    if head.lstrip().startswith(b"["):
        raise CorpusError(
            f"{file.path} begins with a JSON array. It must have one JSON object per line: write "
            "it again with jq -c '.[]'."
        )


def _json_object(line: str | _LostLine) -> dict[str, Any] | str:
    """The object of a line, or why there is none."""
    if isinstance(line, _LostLine):
        return line.reason
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    return entry if isinstance(entry, dict) else "is not a JSON object"


def _paired(text: str, file: SourceFile, tally: Tally) -> str:
    """The text with halves of surrogate pairs, which no UTF-8 can hold, replaced and noted."""
    if _SURROGATE.search(text):
        tally.note(f"{file.name}: object {tally.page_count} has half of a character")
    return _whole_characters(text)


def _whole_characters(text: str) -> str:
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text_documents(
    settings: PlainText, file: SourceFile, tally: Tally
) -> Iterator[tuple[str, str]]:
    if settings.document == "file":
        yield from _text_file(settings, file, tally)
        return
    for line in _lines(file, tally, settings.largest_document):
        tally.page_count += 1
        if isinstance(line, _LostLine):
            tally.broken_count += 1
            tally.note(f"{file.name}: line {tally.page_count} {line.reason}")
        else:
            yield _title(None, file, tally), normal_text(line)


def _text_file(settings: PlainText, file: SourceFile, tally: Tally) -> Iterator[tuple[str, str]]:
    """A file as one document without its broken lines; it is lost if most of them are broken."""
    good, bad, size = [], 0, 0
    tally.page_count += 1
    for number, line in enumerate(_lines(file, tally, settings.largest_document), 1):
        if isinstance(line, _LostLine):
            bad += 1
            tally.note(f"{file.name}: line {number} {line.reason}")
        else:
            good.append(line)
            size += len(line)
        if size > settings.largest_document:
            tally.broken_count += 1
            tally.note(f"{file.name} {too_large(settings.largest_document)}")
            return
    if bad > len(good):
        tally.broken_count += 1
    else:
        yield _whole_characters(file.name), normal_text("\n".join(good))


@dataclass(frozen=True)
class _LostLine:
    """A line that cannot be a document."""

    reason: str
    """Why, as it follows the name of the line."""


def _lines(file: SourceFile, tally: Tally, largest: int) -> Iterator[str | _LostLine]:
    """Lines of a file without their ends; of a line that is too long, no more is kept."""
    parts: list[bytes] = []
    size = 0
    end: bytes | None = None
    try:
        for block, _ in stream_blocks(file):
            if end is None and (b"\n" in block or b"\r" in block[:-1]):
                # Old Mac files have no line feed at all.
                end = b"\n" if b"\n" in block else b"\r"
            first, *more = block.split(end or b"\n")
            size += len(first)
            parts.append(first)
            if size > largest:
                parts.clear()
            for part in more:
                yield _decoded(parts, size, largest)
                parts, size = [part], len(part)
    except CutStreamError as error:
        tally.is_truncated = True
        tally.note(f"{file.name} {error}")
    if size:
        yield _decoded(parts, size, largest)


def _decoded(parts: Sequence[bytes], size: int, largest: int) -> str | _LostLine:
    if size > largest:
        return _LostLine(too_large(largest))
    try:
        return b"".join(parts).decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        return _LostLine(f"is not UTF-8 ({error.reason})")


def _title(title: object, file: SourceFile, tally: Tally) -> str:
    title = title.decode("utf-8", "replace") if isinstance(title, bytes) else title
    return _whole_characters(str(title)) if title is not None else f"{file.name}:{tally.page_count}"
