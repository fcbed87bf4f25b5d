"""Extracts the running text of an article from its wikitext.

Sentences are kept; lists, tables, headings, templates, references, files, categories and comments
are dropped (docs/method.md#tracing). What belongs here: what happens to the whole text before and
after the mark-up is read. What does not: reading it (``ingestion.corpora.simple_markup``, and
``ingestion.corpora.wikitext_tokens`` for what is not simple).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from ingestion.corpora.markup import LESS_THAN, WikitextError, prepare
from ingestion.corpora.simple_markup import text_of_markup
from ingestion.corpora.wikitext_tokens import (
    APOSTROPHE,
    JOINT,
    LINE_BREAK,
    LIST_MARK,
    literal,
    unquoted,
)
from ingestion.text import normal_text

__all__ = ["MEDIA_NAMESPACES", "WikitextError", "plain_text"]

MEDIA_NAMESPACES = frozenset({"file", "image", "media", "category"})
"""English names, valid in every wiki, of the namespaces whose links are not text."""

_CONTROLS = dict.fromkeys(range(9), " ")
_BROKEN_REFERENCE = re.compile(r"<ref\b[^<>\n]*>(?:[^<\n]*</ref>)?", re.IGNORECASE)
_BROKEN_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
# Without going back (*+), and so in linear time.
_BROKEN_TAG = re.compile(r"</?[A-Za-z][\w-]*+(?:\s*+/?|\s++[^<>\n=]*+=[^<>\n]*+)>")
# Remains of mark-up that is not closed: rows of tables, borders of templates, quotes.
_BROKEN_LINE = re.compile(r"^[ \t]*(?:\||\{\||\{\{|\}\}|![^\n]*(?:!!|\|)).*$", re.MULTILINE)
_NOT_READ_END = re.compile(r"</(?:nowiki|pre|source|syntaxhighlight)\s*>", re.IGNORECASE)
_MAGIC = re.compile(r"__[^\W\d_]+(?:_[^\W\d_]+)*__")
_NOT_PARSED = tuple(
    (
        re.compile(rf"</{name}\s*>", re.IGNORECASE),
        re.compile(rf"<{name}\s*>.*?</{name}\s*>", re.IGNORECASE | re.DOTALL),
    )
    for name in ("nowiki", "pre")
)
_VARIANT = re.compile(r"-\{([^{}]*)\}-")
# Variants of the languages that MediaWiki converts, a row each. The first that a mark has is taken:
# the script of most names of facts, or of most pages.
_VARIANT_ROWS = (
    "zh-cn zh-hans zh",
    "ban ban-bali ban-x-dharma ban-x-palmleaf ban-x-pku",
    "crh-latn crh crh-cyrl",
    "gan-hans gan gan-hant",
    "ike-cans iu ike-latn",
    "kk-cyrl kk-kz kk kk-latn kk-tr kk-arab kk-cn",
    "ku-latn ku ku-arab",
    "mni mni-beng",
    "sh-latn sh sh-cyrl",
    "shi-latn shi shi-tfng",
    "sr-ec sr-cyrl sr sr-el sr-latn",
    "tg tg-cyrl tg-latn",
    "tly tly-latn tly-cyrl",
    "uz-latn uz uz-cyrl",
    "wuu-hans wuu wuu-hant",
    "zgh zgh-latn",
)
_VARIANTS = [code for row in _VARIANT_ROWS for code in row.split()]
_CODE = rf"(?:zh(?:-\w+)?|{'|'.join(sorted(_VARIANTS, key=len, reverse=True))})"
_VARIANT_OF = re.compile(rf"(?:^|;)(?:[^;]*=>)?\s*({_CODE})\s*:\s*([^;]*)")
_FLAG = rf"(?:[A-Z-]|{_CODE})"
_VARIANT_FLAG = re.compile(rf"^\s*({_FLAG}(?:\s*;\s*{_FLAG})*)\s*\|")
_VARIANT_DEPTH = 10
# Flags of rules that show nothing of the text: hidden, title, removed, name of a variant.
_VARIANT_HIDDEN = frozenset("HT-N")
_EMPTY_BRACKETS = re.compile(r"\([\s,;:、，；]*\)|（[\s,;:、，；]*）")
# They end no line of an article.
_ODD_ENDS = "\r\u2028\u2029"
# What Python takes for a blank, but for the end of a line.
_BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001)))).replace("\n", "")
_SPACE_BEFORE_STOP = re.compile(r" (?=[,.;](?:\s|$))")
_HAS_LETTER = re.compile(r"[^\W\d_]")


def plain_text(
    wikitext: str,
    media_names: Collection[str] = MEDIA_NAMESPACES,
    read: Callable[[str, Collection[str]], str] = text_of_markup,
) -> str:
    """Extract the sentences of an article.

    Args:
        wikitext: mark-up of one page.
        media_names: namespaces for files and categories in this wiki, in lower case. A link to
            another one is still recognised by its file extension, or if it is alone on a line.
        read: how the mark-up is read; ``text_of_tokens`` gives the same, but slowly.

    Returns:
        Plain text in normal form: one paragraph per line, entities decoded.

    Raises:
        WikitextError: the tokenizer fails on this page, or would take minutes.
    """
    if any(map(wikitext.__contains__, map(chr, _CONTROLS))):
        wikitext = wikitext.translate(_CONTROLS)
    wikitext = _without_open_comment(wikitext)
    for end, element in _NOT_PARSED:
        # Behind the last end nothing can match, and every beginning would be searched to the end.
        last = max((match.end() for match in end.finditer(wikitext)), default=0)
        protected = element.sub(lambda match: literal(match.group()), wikitext[:last])
        wikitext = protected + wikitext[last:]
    wikitext = prepare(wikitext)
    text = read(wikitext, media_names)
    text = "\n".join(unquoted(line) for line in text.split("\n") if LIST_MARK not in line)
    text = text.replace(JOINT, "").replace(LINE_BREAK, "\n").replace(LESS_THAN, "<")
    text = _BROKEN_TAG.sub("", _BROKEN_TEMPLATE.sub("", _BROKEN_REFERENCE.sub("", text)))
    text = _BROKEN_LINE.sub("", text)
    text = _MAGIC.sub("", text)
    if "-{" in text:
        # The innermost first; each round removes one level. MediaWiki allows ten.
        for _ in range(_VARIANT_DEPTH):
            text = _VARIANT.sub(_one_variant, text)
    return _tidied(text)


def _tidied(text: str) -> str:
    """The lines with letters, in normal form, without empty brackets and blanks at their edges."""
    for end in _ODD_ENDS:
        text = text.replace(end, " ")
    parts, begin = [], 0
    for brackets in _EMPTY_BRACKETS.finditer(text):
        # Not by the pattern: brackets behind a run of blanks would be searched from each of them.
        parts.append(text[begin : brackets.start()].rstrip(_BLANKS))
        begin = brackets.end()
    text = "".join([*parts, text[begin:]])
    text = _SPACE_BEFORE_STOP.sub("", normal_text(text.replace(APOSTROPHE, "'")))
    lines = (line.strip(" ") for line in text.strip().split("\n"))
    return "\n".join(filter(_HAS_LETTER.search, lines))


def _without_open_comment(wikitext: str) -> str:
    """The text without the line of a comment that is not closed; MediaWiki would drop the rest."""
    start = wikitext.find("<!--", max(0, wikitext.rfind("-->")))
    if start < 0 or _NOT_READ_END.search(wikitext, start):
        return wikitext
    _, newline, rest = wikitext[start:].partition("\n")
    return wikitext[:start] + newline + rest.replace("<!--", "")


def _one_variant(match: re.Match[str]) -> str:
    """One form of ``-{sr-ec:…; sr-el:…}-``: the first of ``_VARIANTS``, or else of the text."""
    flag = _VARIANT_FLAG.match(match.group(1))
    if flag and _VARIANT_HIDDEN & {part.strip() for part in flag.group(1).split(";")}:
        return ""
    body: str = _VARIANT_FLAG.sub("", match.group(1))
    forms: dict[str, str] = dict(_VARIANT_OF.findall(body))
    if not forms:
        return body
    first = next((code for code in _VARIANTS if code in forms), next(iter(forms)))
    return forms[first].strip()
