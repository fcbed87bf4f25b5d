"""Prepares wikitext for the tokenizer: protects what is no mark-up, refuses what takes minutes.

The tokenizer takes every ``<`` for the beginning of a tag, reads on to the end of the page when the
tag does not end, and does so again from the next one. What belongs here: deciding that without the
tokenizer. What does not: choosing the text (``ingestion.corpora.wikitext``).
"""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["LESS_THAN", "TRANSPARENT", "WikitextError", "prepare"]

LESS_THAN = "\x06"
"""A ``<`` that begins no tag; the tokenizer does not see it."""

TRANSPARENT = "\x05"
"""What is left of a tag that only formats: it keeps quotes on both sides of it apart."""

_MOST_WORK = 50_000_000
"""Open constructs × characters of a page that is read: 1 to 40 seconds, by kind of construct."""

_LARGEST = 8 << 20
"""Characters of a page: MediaWiki allows 2 MB, and a page of this size takes half a minute."""

# Tags that only format their content.
_FORMATS = (
    "abbr|acronym|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|mark|q|rb|rp|rt|rtc|ruby|s|"
    "samp|small|span|strike|strong|sub|sup|time|tt|u|var"
)
# Tags that MediaWiki and its extensions know, apart from these.
_STRUCTURES = (
    "blockquote|br|caption|categorytree|ce|center|chem|col|colgroup|dd|div|dl|dt|gallery|graph|h[1-6]|"
    "hiero|hr|imagemap|includeonly|indicator|inputbox|langconvert|li|link|mapframe|maplink|math|meta|"
    "noinclude|nowiki|ol|onlyinclude|p|poem|pre|ref|references|rss|score|script|section|source|style|"
    "syntaxhighlight|table|tbody|td|templatedata|templatestyles|tfoot|th|thead|timeline|tr|ul|wbr"
)
_FORMAT_TAG = re.compile(rf"</?(?:{_FORMATS})(?:\s*/?|\s[^<>]*=[^<>]*)>", re.IGNORECASE)
_NO_TAG = re.compile(rf"<(?!!--|/?(?:{_STRUCTURES})(?:[\s/][^<>]*)?>)", re.IGNORECASE)
_STRUCTURE = re.compile(
    rf"<(?P<close>/?)(?P<name>{_STRUCTURES})(?:[\s/][^<>]*?)?(?P<empty>/?)>", re.IGNORECASE
)
# Tags without an end, or whose end may be left out without any cost.
_NO_END = frozenset({"br", "hr", "wbr", "li", "dd", "dt", "tr", "td", "th"})
_BRACKETS = (("{{", "}}"), ("{|", "|}"), ("[", "]"), ("<!--", "-->"))


class WikitextError(ValueError):
    """The wikitext of a page cannot be split; the message says why."""


def prepare(wikitext: str) -> str:
    """Protect what is no mark-up, and remove tags that only format.

    Raises:
        WikitextError: the page is so large, or so much is opened and not closed, that it would take
            minutes.
    """
    if len(wikitext) > _LARGEST:
        raise WikitextError(
            f"it has {len(wikitext):,} characters; a page has at most {_LARGEST:,} (MediaWiki "
            "allows 2,097,152 bytes)"
        )
    wikitext = _NO_TAG.sub(LESS_THAN, _FORMAT_TAG.sub(TRANSPARENT, wikitext))
    count = _open_brackets(wikitext)
    # No more tags can be open than there are.
    if (count + wikitext.count("<")) * len(wikitext) > _MOST_WORK:
        count += _open_tags(wikitext)
    if count * len(wikitext) > _MOST_WORK:
        raise WikitextError(
            f"{count:,} tags, templates or tables in {len(wikitext):,} characters "
            "are opened and not closed, or nested too deeply"
        )
    return wikitext


def _open_brackets(wikitext: str) -> int:
    """Count the templates, tables, links and comments that are opened and not closed."""
    return sum(max(0, wikitext.count(a) - wikitext.count(b)) for a, b in _BRACKETS)


def _open_tags(wikitext: str) -> int:
    """Count the tags that are opened and not closed."""
    balance: Counter[str] = Counter()
    for close, name, empty in _STRUCTURE.findall(wikitext):
        if not empty and name.lower() not in _NO_END:
            balance[name.lower()] += -1 if close else 1
    return sum(count for count in balance.values() if count > 0)
