"""Reads the lines of a file as documents: lines of plain text, or a JSON object per line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ingestion.corpora.documents import Tally, document_title, whole_characters
from ingestion.corpora.settings import CorpusError, JsonLines, PlainText, SourceFile, too_large
from ingestion.corpora.streams import CutStreamError, stream_blocks
from ingestion.text import normal_text

__all__ = ["json_documents", "refuse_array", "text_documents"]

_MOST_DIGITS = 4_000
# Objects without the text's key after which the key is wrong, not the objects.
_OBJECTS_WITHOUT_KEY = 100


def json_documents(
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
                refuse_array(line.encode(), file)
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
        yield document_title(title, file, tally), normal_text(_paired(text, file, tally))
    if without_key and not with_key:
        raise CorpusError(f"{file.path}: {without_key}. Set text_key to your key.")


def refuse_array(head: bytes, file: SourceFile) -> None:
    """Raise ``CorpusError`` if a file begins with a JSON array."""
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
    except json.JSONDecodeError:
        entry = None
    except (ValueError, RecursionError):
        entry = _loaded_with_long_numbers(line)
    return entry if isinstance(entry, dict) else "is not a JSON object"


def _loaded_with_long_numbers(line: str) -> object:
    """What a line holds; Python reads no whole number of more than 4,300 digits."""

    def number(digits: str) -> float:
        return int(digits) if len(digits) < _MOST_DIGITS else math.inf

    try:
        return json.loads(line, parse_int=number)
    except (ValueError, RecursionError):
        return None


def _paired(text: str, file: SourceFile, tally: Tally) -> str:
    """The text with halves of surrogate pairs replaced and noted."""
    whole = whole_characters(text)
    if whole != text:
        tally.note(f"{file.name}: object {tally.page_count} has half of a character")
    return whole


def text_documents(
    settings: PlainText, file: SourceFile, tally: Tally
) -> Iterator[tuple[str, str]]:
    """Yield title and text of each line, or of the file; broken lines are counted."""
    if settings.document == "file":
        yield from _text_file(settings, file, tally)
        return
    for line in _lines(file, tally, settings.largest_document):
        tally.page_count += 1
        if isinstance(line, _LostLine):
            tally.broken_count += 1
            tally.note(f"{file.name}: line {tally.page_count} {line.reason}")
        else:
            yield document_title(None, file, tally), normal_text(line)


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
        yield whole_characters(file.name), normal_text("\n".join(good))


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
