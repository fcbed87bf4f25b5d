"""Reads the pages of a MediaWiki XML dump one at a time, also from a damaged file.

Pages are found by their tags and parsed one by one. So memory holds one page, and a malformed or
cut page loses only itself. What does not belong here: wikitext (``ingestion.corpora.wikitext``).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

from ingestion.corpora.settings import LARGEST_DOCUMENT, SourceFile, too_large
from ingestion.corpora.streams import CutStreamError, stream_blocks

__all__ = ["BrokenPage", "Page", "read_namespaces", "read_pages"]

_OPEN = re.compile(rb"<page[\s>]")
_OPEN_BYTES = 6
# Bytes between pages that stay in the buffer, enough for any tag, including the last of the file.
_KEPT_BYTES = 256
_CLOSE = b"</page>"
_END = b"</mediawiki>"
_NUMBER = re.compile("-?[0-9]{1,9}")
_HEADER_BYTES = 1 << 16
_NAMESPACE = re.compile(r'<namespace key="(-?\d+)"[^>]*>([^<]+)</namespace>')


@dataclass(frozen=True)
class Page:
    """One page of the dump."""

    title: str
    """Title with its namespace prefix."""
    namespace: int | None
    """Number of the namespace (0: articles); None if the dump has no ``ns`` element."""
    is_redirect: bool
    """Whether the dump marks it as a redirect."""
    model: str
    """Content model; ``wikitext`` if the dump names none."""
    wikitext: str
    """Text of the latest revision, by its timestamp."""


@dataclass(frozen=True)
class BrokenPage:
    """A page that was lost."""

    reason: str
    """What is wrong with it."""
    is_cut: bool
    """Whether the file ends inside it."""


def read_pages(
    file: SourceFile,
    start: int = 0,
    end: int | None = None,
    largest: int = LARGEST_DOCUMENT,
) -> Iterator[Page | BrokenPage]:
    """Read the pages that begin in the stored bytes ``[start, end)``, in file order.

    Adjacent ranges give every page exactly once, including pages that cross their border.

    Args:
        file: the dump.
        start: first stored byte of the range.
        end: first stored byte after it; None at the end of the file.
        largest: bytes above which a page is lost; no more than these are kept in memory.

    Yields:
        Pages, and a ``BrokenPage`` for each page that is malformed, cut or too large.

    Raises:
        CutStreamError: the file is cut between two pages; raised after all pages.
    """
    too_large_page = BrokenPage(too_large(largest), is_cut=False)
    buffer = bytearray()
    # Decompressed bytes of our range that are in the buffer; a page that begins later is not ours.
    ours = 0
    opened = False
    searched = 0
    # The end of the file is checked by the range with the last page, or with the first byte.
    sees_end = start == 0
    blocks = stream_blocks(file, start, end)
    while isinstance(step := _next_block(blocks), tuple):
        block, is_ours = step
        buffer += block
        ours += len(block) * is_ours
        while True:
            if not opened:
                found = _OPEN.search(buffer)
                dropped = found.start() if found else max(0, len(buffer) - _KEPT_BYTES)
                if dropped >= ours and not is_ours:
                    return
                del buffer[:dropped]
                ours -= min(ours, dropped)
                if found is None:
                    break
                opened, searched, sees_end = True, _OPEN_BYTES, True
            close = buffer.find(_CLOSE, searched)
            inner = _OPEN.search(buffer, searched, close if close >= 0 else len(buffer))
            if inner:
                yield BrokenPage("has no end: another page begins inside it", is_cut=False)
                length = inner.start()
            elif close >= 0:
                length = close + len(_CLOSE)
                is_too_large = length > largest
                yield too_large_page if is_too_large else _parse(bytes(buffer[:length]))
            elif len(buffer) > largest:
                # What is left of it is skipped, as bytes between pages are.
                length = len(buffer) - _KEPT_BYTES
                yield too_large_page
            else:
                searched = max(_OPEN_BYTES, len(buffer) - len(_CLOSE))
                break
            del buffer[:length]
            ours -= min(ours, length)
            opened = False
    if opened:
        yield BrokenPage(str(step) if step else "the file ends inside it", is_cut=True)
    elif step:
        raise step
    elif sees_end and _END not in buffer:
        raise CutStreamError("ends without </mediawiki>")


def _next_block(
    blocks: Iterator[tuple[bytes, bool]],
) -> tuple[bytes, bool] | CutStreamError | None:
    """Next block of a stream, or the error that ends it, or None at a normal end."""
    try:
        return next(blocks, None)
    except CutStreamError as error:
        return error


def read_namespaces(file: SourceFile) -> dict[str, int]:
    """Read the namespaces in the dump's header: names in lower case, with their numbers.

    Raises:
        CutStreamError: the header cannot be decompressed.
    """
    head = b""
    for block, _ in stream_blocks(file):
        head += block
        if len(head) >= _HEADER_BYTES or b"</namespaces>" in head:
            break
    return {
        name.lower(): int(key)
        for key, name in _NAMESPACE.findall(head.decode("utf-8", errors="replace"))
    }


def _parse(raw: bytes) -> Page | BrokenPage:
    try:
        page = ET.fromstring(raw)
    except ET.ParseError as error:
        return BrokenPage(f"is not well-formed XML: {error}", is_cut=False)
    namespace = page.findtext("ns", "").strip()
    title = page.findtext("title")
    revisions = page.findall("revision")
    if title is None or not revisions:
        return BrokenPage("has no title or no revision", is_cut=False)
    # Times of one format sort as texts; of equal or missing ones, the last in the file.
    latest = max(reversed(revisions), key=lambda revision: revision.findtext("timestamp", ""))
    return Page(
        title=title,
        namespace=int(namespace) if _NUMBER.fullmatch(namespace) else None,
        is_redirect=page.find("redirect") is not None,
        model=latest.findtext("model") or "wikitext",
        wikitext=latest.findtext("text") or "",
    )
