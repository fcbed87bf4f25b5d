"""Running text of an article from its wikitext.

The mark-up is split by mwparserfromhell's tokenizer; what of it is text is decided here: sentences
stay, lists, tables, headings, templates, references, files, categories and comments go
(docs/method.md#tracing). The library's node tree is not built: it takes four fifths of the time and
is not needed.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

import mwparserfromhell.parser as wikitext_parser
from mwparserfromhell.parser import ParserError, tokens
from mwparserfromhell.parser.tokenizer import Tokenizer

__all__ = ["MEDIA_NAMESPACES", "WikitextError", "plain_text"]

MEDIA_NAMESPACES = frozenset({"file", "image", "media", "category"})
"""English names, valid in every wiki, of the namespaces whose links are no text."""

# The library may have been built without its C extension.
_TOKENIZER = getattr(wikitext_parser, "CTokenizer", None) or Tokenizer
_DROPPED_TAGS = frozenset(
    {
        *("ref", "references", "gallery", "table", "ul", "ol", "dl"),
        *("math", "chem", "ce", "hiero", "score", "source", "syntaxhighlight", "timeline"),
        *("categorytree", "graph", "imagemap", "indicator", "inputbox", "mapframe", "maplink"),
        *("includeonly", "rss", "script", "section", "style", "templatedata", "templatestyles"),
    }
)
_BLOCK_TAGS = frozenset(
    {
        *("blockquote", "center", "div", "hr", "p", "poem", "pre"),
        *("h1", "h2", "h3", "h4", "h5", "h6"),
    }
)
_LIST_TAGS = frozenset({"li", "dd", "dt"})
_LIST_MARK = "\x02"
_LINE_BREAK = "\x03"

_MEDIA_FILE = re.compile(
    r"\.(?:jpe?g|png|gif|svg|tiff?|webp|xcf|pdf|djvu|og[agv]|webm|mpe?g|midi?|wav|mp3|flac|stl)\s*$",
    re.IGNORECASE,
)
_CONTROLS = re.compile(r"[\x00-\x08]")
_BROKEN_REFERENCE = re.compile(r"<ref\b[^<>\n]*>(?:[^<\n]*</ref>)?", re.IGNORECASE)
_BROKEN_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_BROKEN_TAG = re.compile(r"</?[A-Za-z][^<>\n]*>")
# What is left of mark-up that does not close: rows of tables, borders of templates, quotes.
_BROKEN_LINE = re.compile(r"^[ \t]*(?:\||\{\||\{\{|\}\}|![^\n]*(?:!!|\|)).*$", re.MULTILINE)
_MAGIC_OR_QUOTES = re.compile(r"__[^\W\d_]+__|'{2,}")
_VARIANT = re.compile(r"-\{([^{}]*)\}-")
_VARIANT_OF = re.compile(r"(?:^|;)\s*(zh(?:-\w+)?)\s*:\s*([^;]*)")
_VARIANT_FLAG = re.compile(r"^[A-Z;]*[A-Z]\|")
_EMPTY_BRACKETS = re.compile(r"[ \u3000]*(?:\([\s,;:、，；]*\)|（[\s,;:、，；]*）)")
_SPACES = re.compile(r"[^\S\n]+")
_SPACE_BEFORE_STOP = re.compile(r" (?=[,.;](?:\s|$))")
_LINES = re.compile(r" ?\n[ \n]*")
_HAS_LETTER = re.compile(r"[^\W\d_]")


class WikitextError(ValueError):
    """Wikitext that the tokenizer cannot get through."""


def plain_text(wikitext: str, media_names: Collection[str] = MEDIA_NAMESPACES) -> str:
    """Sentences of an article: one paragraph a line, entities decoded, in NFC.

    Args:
        wikitext: mark-up of one page.
        media_names: names in lower case of the namespaces for files and categories in this wiki.
            Unlisted ones are still known by their file's ending, or by standing alone on a line.

    Raises:
        WikitextError: the tokenizer fails on this page.
    """
    try:
        stream = _TOKENIZER().tokenize(_CONTROLS.sub(" ", wikitext), 0, False)
    except (ParserError, RecursionError) as error:
        raise WikitextError(f"the wikitext cannot be split: {error}") from error
    text = _fold(stream, media_names)
    text = "\n".join(line for line in text.split("\n") if _LIST_MARK not in line)
    text = text.replace(_LINE_BREAK, "\n")
    text = _BROKEN_TAG.sub("", _BROKEN_TEMPLATE.sub("", _BROKEN_REFERENCE.sub("", text)))
    text = _BROKEN_LINE.sub("", text)
    text = _MAGIC_OR_QUOTES.sub("", text)
    if "-{" in text:
        text = _VARIANT.sub(_simplified, text)
    text = _EMPTY_BRACKETS.sub("", text)
    text = _SPACE_BEFORE_STOP.sub("", _SPACES.sub(" ", text))
    lines = (line for line in _LINES.split(text.strip()) if _HAS_LETTER.search(line))
    return unicodedata.normalize("NFC", "\n".join(lines))


def _fold(stream: Sequence[Any], media_names: Collection[str]) -> str:
    """Concatenate what is text in a balanced stream of tokens."""
    out: list[str] = []
    # Open links: the text around them, the link's target once it is known, whether it is a URL.
    links: list[tuple[list[str], str | None, bool]] = []
    position, length = 0, len(stream)
    while position < length:
        token = stream[position]
        kind = type(token)
        position += 1
        if kind is tokens.Text:
            out.append(token["text"])
        elif kind is tokens.TemplateOpen:
            position = _after(stream, position, tokens.TemplateOpen, tokens.TemplateClose)
        elif kind is tokens.WikilinkOpen or kind is tokens.ExternalLinkOpen:
            links.append((out, None, kind is tokens.ExternalLinkOpen))
            out = []
        elif kind is tokens.WikilinkSeparator or kind is tokens.ExternalLinkSeparator:
            around, _, is_url = links[-1]
            links[-1] = (around, "".join(out), is_url)
            out = []
        elif kind is tokens.WikilinkClose or kind is tokens.ExternalLinkClose:
            around, target, is_url = links.pop()
            shown = "".join(out)
            if is_url:
                shown = "" if target is None else shown
            else:
                shown = _link_text(stream, position, around, target, shown, media_names)
            out = around
            out.append(shown)
        elif kind is tokens.TagOpenOpen:
            name = stream[position]["text"].strip().lower()
            if name in _DROPPED_TAGS:
                position = _after_tag(stream, position)
                out.append(_LINE_BREAK if name == "table" else "")
            else:
                position = _after_attributes(stream, position)
                if name in _LIST_TAGS:
                    out.append(_LIST_MARK)
                elif name == "br":
                    out.append(_LINE_BREAK)
                elif name in _BLOCK_TAGS:
                    out.append("\n")
        elif kind is tokens.TagOpenClose:
            if stream[position]["text"].strip().lower() in _BLOCK_TAGS:
                out.append("\n")
            while type(stream[position]) is not tokens.TagCloseClose:
                position += 1
            position += 1
        elif kind is tokens.HTMLEntityStart:
            entity = "&"
            while type(token := stream[position]) is not tokens.HTMLEntityEnd:
                if type(token) is tokens.HTMLEntityNumeric:
                    entity += "#"
                elif type(token) is tokens.HTMLEntityHex:
                    entity += token["char"]
                else:
                    entity += token["text"]
                position += 1
            position += 1
            out.append(html.unescape(entity + ";"))
        elif kind is tokens.HeadingStart:
            position = _after(stream, position, tokens.HeadingStart, tokens.HeadingEnd)
        elif kind is tokens.CommentStart:
            position = _after(stream, position, tokens.CommentStart, tokens.CommentEnd)
        elif kind is tokens.ArgumentOpen:
            position = _after(stream, position, tokens.ArgumentOpen, tokens.ArgumentClose)
    return "".join(out)


def _after(stream: Sequence[Any], position: int, opening: type, closing: type) -> int:
    """Position after the closing token of the construct that has just been opened."""
    depth = 1
    while depth:
        kind = type(stream[position])
        if kind is closing:
            depth -= 1
        elif kind is opening:
            depth += 1
        position += 1
    return position


def _after_tag(stream: Sequence[Any], position: int) -> int:
    """Position after a whole element, whatever is in it."""
    depth = 1
    while depth:
        kind = type(stream[position])
        if kind is tokens.TagCloseSelfclose or kind is tokens.TagCloseClose:
            depth -= 1
        elif kind is tokens.TagOpenOpen:
            depth += 1
        position += 1
    return position


def _after_attributes(stream: Sequence[Any], position: int) -> int:
    """Position after an opening tag's name and attributes."""
    depth = 0
    while True:
        kind = type(stream[position])
        position += 1
        if kind is tokens.TagOpenOpen:
            depth += 1
        elif kind is tokens.TagCloseSelfclose or kind is tokens.TagCloseClose:
            if depth == 0:
                return position
            depth -= 1
        elif kind is tokens.TagCloseOpen and depth == 0:
            return position


def _link_text(
    stream: Sequence[Any],
    position: int,
    around: list[str],
    target: str | None,
    shown: str,
    media_names: Collection[str],
) -> str:
    """What a reader sees of a link between articles; nothing of a file or category."""
    page = shown if target is None else target
    prefix, colon, _ = page.partition(":")
    if not colon:
        return shown
    if not prefix.strip():
        return page.partition(":")[2] if target is None else shown
    if prefix.strip().lower() in media_names or _MEDIA_FILE.search(page):
        return ""
    if page[len(prefix) + 1 : len(prefix) + 2].isspace():
        return shown
    return "" if _stands_alone(stream, position, around) else shown


def _stands_alone(stream: Sequence[Any], position: int, around: list[str]) -> bool:
    """Whether nothing but mark-up that is dropped shares the line with the link just closed."""
    before = "".join(around[-2:]).rsplit("\n", 1)
    if before[-1].strip(" \t" + _LINE_BREAK) or (len(before) == 1 and len(around) > 2):
        return False
    if position == len(stream):
        return True
    following = stream[position]
    if type(following) is tokens.WikilinkOpen:
        return True
    if type(following) is not tokens.Text:
        return False
    line, newline, _ = following["text"].partition("\n")
    return not line.strip() and (bool(newline) or position + 1 == len(stream))


def _simplified(match: re.Match[str]) -> str:
    """The mainland form of a Chinese language variant: ``-{zh-hans:…;zh-hant:…}-``."""
    body: str = _VARIANT_FLAG.sub("", match.group(1))
    forms: dict[str, str] = dict(_VARIANT_OF.findall(body))
    if not forms:
        return body
    for code in ("zh-cn", "zh-hans", "zh"):
        if code in forms:
            return forms[code].strip()
    return next(iter(forms.values())).strip()
