"""Prepares wikitext for the tokenizer: protects what is no mark-up, refuses what takes minutes.

The tokenizer takes every ``<`` for the beginning of a tag, reads on to the end of the page when the
tag does not end, and does so again from the next one. What belongs here: deciding that without the
tokenizer. What does not: choosing the text (``ingestion.corpora.wikitext``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import chain

from mwparserfromhell.definitions import PARSER_BLACKLIST

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
# A comment, or a tag.
_STRUCTURE = re.compile(
    rf"<(?:!--.*?-->|(?P<close>/?)(?P<name>{_STRUCTURES})(?:[\s/][^<>]*?)?(?P<empty>/?)>)",
    re.IGNORECASE | re.DOTALL,
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
    wikitext = _without_open_tags(wikitext)
    # Most pages have so few brackets that it does not matter how many of them are open.
    count = sum(map(wikitext.count, "{[<"))
    if count * len(wikitext) > _MOST_WORK:
        count = _open_brackets(wikitext)
    if count * len(wikitext) > _MOST_WORK:
        raise WikitextError(
            f"{count:,} templates, tables, links or comments in {len(wikitext):,} characters are "
            "opened and not closed"
        )
    return wikitext


def _open_brackets(wikitext: str) -> int:
    """Count the templates, tables, links and comments that are opened and not closed."""
    return sum(max(0, wikitext.count(a) - wikitext.count(b)) for a, b in _BRACKETS)


def _without_open_tags(wikitext: str) -> str:
    """Protect the tags that nothing closes: they are text for the tokenizer too, but only after it
    has read to the end of the page.
    """
    tags = list(_STRUCTURE.finditer(wikitext))
    ends = {tag["name"].lower(): tag.start() for tag in tags if tag["close"]}
    opened: defaultdict[str, list[int]] = defaultdict(list)
    raw = ""
    for tag in tags:
        name = (tag["name"] or "").lower()
        if not name or name in _NO_END or (raw and not (tag["close"] and name == raw)):
            continue
        if tag["close"]:
            raw = ""
            if opened[name]:
                opened[name].pop()
        elif not tag["empty"]:
            opened[name].append(tag.start())
            if name in PARSER_BLACKLIST and tag.start() < ends.get(name, 0):
                raw = name
    parts, begin = [], 0
    for start in sorted(chain.from_iterable(opened.values())):
        parts += [wikitext[begin:start], LESS_THAN]
        begin = start + 1
    return "".join([*parts, wikitext[begin:]])
