"""What is read of a corpus: documents, the shards that hold them, counts of what was lost."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ingestion.corpora.settings import SourceFile

__all__ = ["Document", "Shard", "Tally", "document_title", "whole_characters"]

_NOTES = 20
_SURROGATE = re.compile("[\ud800-\udfff]")


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


def document_title(title: object, file: SourceFile, tally: Tally) -> str:
    """Get a document's title; without one, the name of its file and its number there."""
    title = title.decode("utf-8", "replace") if isinstance(title, bytes) else title
    return whole_characters(str(title)) if title is not None else f"{file.name}:{tally.page_count}"


def whole_characters(text: str) -> str:
    """Replace halves of surrogate pairs, which no UTF-8 can hold."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
