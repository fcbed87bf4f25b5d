"""Reads the articles of a dump of MediaWiki as plain text."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator

from ingestion.corpora.documents import Shard, Tally
from ingestion.corpora.mediawiki import BrokenPage, Page, read_namespaces, read_pages
from ingestion.corpora.settings import WikipediaDump
from ingestion.corpora.streams import CutStreamError
from ingestion.corpora.wikitext import MEDIA_NAMESPACES, WikitextError, plain_text

__all__ = ["wikipedia_documents"]

_FILE_NAMESPACES = (-2, 6, 14)
# A redirect in any language: '#REDIRECT [[Berlin]]', '#WEITERLEITUNG [[Berlin]]'.
_REDIRECT = re.compile(r"\s*#\s*[^\W\d_]+\s*+(?::\s*+)?\[\[")


def wikipedia_documents(
    settings: WikipediaDump, shard: Shard, tally: Tally
) -> Iterator[tuple[str, str]]:
    """Yield title and text of each article of a shard; other and broken pages are counted."""
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
