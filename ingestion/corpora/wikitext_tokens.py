"""Selects the text of wikitext from the tokens of mwparserfromhell's tokenizer.

What belongs here: which tokens are text, and the marks that stand for mark-up until the text is
put together. What does not: what happens to the whole text (``ingestion.corpora.wikitext``), and
mark-up that needs no tokenizer (``ingestion.corpora.simple_markup``).
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Collection, Sequence

import mwparserfromhell.parser as wikitext_parser
from mwparserfromhell.parser import ParserError, tokens
from mwparserfromhell.parser.tokenizer import Tokenizer

from ingestion.corpora.lead_templates import CHARACTER_TEMPLATES, LEAD_TEMPLATES, template_name
from ingestion.corpora.markup import TRANSPARENT, WikitextError
from ingestion.languages import known_languages

__all__ = [
    "APOSTROPHE", "JOINT", "LINE_BREAK", "LIST_MARK", "character_of", "link_text", "literal",
    "text_of_tokens", "unquoted",
]  # fmt: skip

# The library may be installed without its C extension.
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
_TAG_ENDS = (tokens.TagCloseSelfclose, tokens.TagCloseClose)
# Constructs that are dropped with all their content: opening token, closing token.
_DROPPED = {
    tokens.TemplateOpen: tokens.TemplateClose,
    tokens.HeadingStart: tokens.HeadingEnd,
    tokens.CommentStart: tokens.CommentEnd,
    tokens.ArgumentOpen: tokens.ArgumentClose,
}
LIST_MARK = "\x02"
"""The line is an item of a list."""

LINE_BREAK = "\x03"
"""A new line of the text, but not of the mark-up."""

APOSTROPHE = "\x04"
"""An apostrophe that is no mark-up although another one is next to it."""

JOINT = TRANSPARENT
"""Keeps quotes apart between which a tag, a template or a file was."""

_MEDIA_FILE = re.compile(
    r"\.(?:jpe?g|png|gif|svg|tiff?|webp|xcf|pdf|djvu|og[agv]|webm|mpe?g|midi?|wav|mp3|flac|stl)\s*$",
    re.IGNORECASE,
)
_QUOTES = re.compile(r"('{2,})")
# Entities that the tokenizer does not know.
_ENTITY = re.compile(r"&[A-Za-z][A-Za-z0-9]*;")


def text_of_tokens(wikitext: str, media_names: Collection[str]) -> str:
    """Text of wikitext, with marks for mark-up, by the tokens of the library.

    Args:
        wikitext: prepared mark-up of a page or some of its lines.
        media_names: namespaces for files and categories, in lower case.

    Raises:
        WikitextError: the tokenizer fails.
    """
    try:
        # True: quotes stay in the text, because the library pairs them across lines.
        stream = _TOKENIZER().tokenize(wikitext, 0, True)
    except (ParserError, RecursionError) as error:
        raise WikitextError(f"the wikitext cannot be split: {error}") from error
    return _fold(stream, media_names)


def unquoted(line: str) -> str:
    """Remove the marks of italics and bold from a line, in the way of MediaWiki's ``doQuotes``.

    Two apostrophes are italics, three are bold, five are both; one more is an apostrophe of the
    text. If both are open at the end of the line, one bold mark was an apostrophe and italics
    (``l'''Iliade''``): the first one after a word of one letter, else after a longer word, else
    after a blank.
    """
    if "''" not in line:
        return line
    parts = _QUOTES.split(line)
    bold: list[int] = []
    italics = 0
    for mark in range(1, len(parts), 2):
        size = len(parts[mark])
        if size == 4 or size > 5:
            size = 3 if size == 4 else 5
            parts[mark - 1] += "'" * (len(parts[mark]) - size)
        italics += size != 3
        if size != 2:
            bold.append(mark)
        parts[mark] = "'" * size
    if len(bold) % 2 and italics % 2:
        single: list[int] = []
        longer: list[int] = []
        blank: list[int] = []
        for mark in bold:
            if len(parts[mark]) == 3:
                # MediaWiki compares bytes, and reads a text of one byte as its own neighbour.
                before = parts[mark - 1].encode()[-2:]
                is_blank, is_single = before.endswith(b" "), before[:-1] == b" "
                (blank if is_blank else single if is_single else longer).append(mark)
        if found := [*single[:1], *longer[:1], *blank[:1]]:
            parts[found[0] - 1] += "'"
    return "".join(parts[::2])


@functools.cache
def _languages() -> frozenset[str]:
    return frozenset(known_languages())


def literal(text: str) -> str:
    """Protect the apostrophes of a text in which they are no mark-up."""
    return text.replace("'", APOSTROPHE)


def character_of(entity: re.Match[str]) -> str:
    """The character of an entity; an apostrophe is no mark-up."""
    return _unescaped(entity[0])


@functools.lru_cache(maxsize=10_000)
def _unescaped(entity: str) -> str:
    return literal(html.unescape(entity))


def _are_apart(stream: Sequence[tokens.Token], position: int, out: Sequence[str]) -> bool:
    """Whether anything but a comment is between a text that begins with a quote and one before."""
    if position > 1 and type(stream[position - 2]) is tokens.CommentEnd:
        return False
    return next((text for text in reversed(out) if text), "").endswith("'")


class _Parts(list[str]):
    """Parts of a text, in order; knows about its last line without reading it again.

    To look back from each part to the beginning of its line would take quadratic time.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._first = ""
        self._is_blank = True

    def first_of_line(self) -> str:
        """First character of the last line that is no blank; '' if there is none."""
        self._look()
        return self._first

    def is_line_blank(self) -> bool:
        """Whether the last line has no text; a ``<br>`` does not begin a new one."""
        self._look()
        return self._is_blank

    def _look(self) -> None:
        for part in self[self._seen :]:
            if not part or (
                self._first and not self._is_blank and not ("\n" in part or LINE_BREAK in part)
            ):
                continue
            _, newline, rest = part.rpartition("\n")
            if rest.strip(" \t" + LINE_BREAK):
                self._is_blank = False
            elif newline:
                self._is_blank = True
            _, newline, rest = part.replace(LINE_BREAK, "\n").rpartition("\n")
            if newline or not self._first:
                self._first = rest.strip()[:1]
        self._seen = len(self)


def _fold(stream: Sequence[tokens.Token], media_names: Collection[str]) -> str:
    """Concatenate the text in a balanced stream of tokens."""
    out = _Parts()
    # Open links: the text before the link, its target once it is known, whether it is a URL.
    links: list[tuple[_Parts, str | None, bool]] = []
    position, length = 0, len(stream)
    while position < length:
        token = stream[position]
        kind = type(token)
        position += 1
        if kind is tokens.Text:
            text = token["text"]
            if "&" in text:
                text = _ENTITY.sub(character_of, text)
            if text.startswith("'") and _are_apart(stream, position, out):
                out.append(JOINT)
            out.append(text)
        elif kind in _DROPPED:
            start = position
            position = _after(stream, position, kind, _DROPPED[kind])
            if kind is tokens.TemplateOpen:
                out.append(_rendered(stream[start : position - 1], media_names))
                if out.first_of_line() == "|":
                    # An outer template is not closed: what follows is text, no parameter of it.
                    out.append(LINE_BREAK)
        elif kind is tokens.WikilinkOpen or kind is tokens.ExternalLinkOpen:
            links.append((out, None, kind is tokens.ExternalLinkOpen))
            out = _Parts()
        elif kind is tokens.WikilinkSeparator or kind is tokens.ExternalLinkSeparator:
            before, _, is_url = links[-1]
            links[-1] = (before, "".join(out), is_url)
            out = _Parts()
        elif kind is tokens.WikilinkClose or kind is tokens.ExternalLinkClose:
            before, target, is_url = links.pop()
            shown = "".join(out)
            if is_url:
                shown = "" if target is None else shown
            else:
                # MediaWiki pairs quotes within a link's own text, and shows those of a title.
                shown = literal(shown) if target is None else unquoted(shown)
                text = link_text(target, shown, media_names)
                is_media = text is None and _is_alone(stream, position, before)
                shown = "" if is_media else shown if text is None else text
            out = before
            out.append(shown)
        elif kind is tokens.TagOpenOpen:
            position, shown = _tag(stream, position)
            out.append(shown)
        elif kind is tokens.TagOpenClose:
            if stream[position]["text"].strip().lower() in _BLOCK_TAGS:
                out.append("\n")
            while type(stream[position]) is not tokens.TagCloseClose:
                position += 1
            position += 1
        elif kind is tokens.HTMLEntityStart:
            position, shown = _entity(stream, position)
            out.append(literal(shown))
    return "".join(out)


def _rendered(template: Sequence[tokens.Token], media_names: Collection[str]) -> str:
    """What a template renders, for the few that are a character or begin an article; else ''."""
    if not template or type(template[0]) is not tokens.Text:
        return ""
    name = template_name(template[0]["text"])
    render = LEAD_TEMPLATES.get(name)
    if render is None:
        return literal(CHARACTER_TEMPLATES.get(name, ""))
    depth, key, begin = 0, "", len(template)
    values: dict[str, str] = {}
    for position, token in enumerate([*template, tokens.TemplateParamSeparator()]):
        kind = type(token)
        depth += (kind is tokens.TemplateOpen) - (kind is tokens.TemplateClose)
        if depth == 0 and kind is tokens.TemplateParamEquals and not key:
            key = _fold(template[begin:position], media_names).strip().lower()
            begin = position + 1
        elif depth == 0 and kind is tokens.TemplateParamSeparator:
            if key:
                values[key] = _fold(template[begin:position], media_names).strip()
            key, begin = "", position + 1
    return render(values)


def _tag(stream: Sequence[tokens.Token], position: int) -> tuple[int, str]:
    """Position after an opening tag (after the whole element if it is dropped), and its text."""
    name = stream[position]["text"].strip().lower()
    if name in _DROPPED_TAGS:
        end = _after(stream, position, tokens.TagOpenOpen, *_TAG_ENDS)
        return end, LINE_BREAK if name == "table" else ""
    text = LIST_MARK if name in _LIST_TAGS else "\n" if name in _BLOCK_TAGS else ""
    return _after_attributes(stream, position), LINE_BREAK if name == "br" else text


def _entity(stream: Sequence[tokens.Token], position: int) -> tuple[int, str]:
    """Position after an HTML entity, and its character."""
    entity = "&"
    while type(token := stream[position]) is not tokens.HTMLEntityEnd:
        if type(token) is tokens.HTMLEntityNumeric:
            entity += "#"
        elif type(token) is tokens.HTMLEntityHex:
            entity += token["char"]
        else:
            entity += token["text"]
        position += 1
    return position + 1, html.unescape(entity + ";")


def _after(stream: Sequence[tokens.Token], position: int, opening: type, *closing: type) -> int:
    """Position after the token that closes the construct that has just been opened."""
    depth = 1
    while depth:
        kind = type(stream[position])
        if kind in closing:
            depth -= 1
        elif kind is opening:
            depth += 1
        position += 1
    return position


def _after_attributes(stream: Sequence[tokens.Token], position: int) -> int:
    """Position after an opening tag's name and attributes."""
    depth = 0
    while True:
        kind = type(stream[position])
        position += 1
        if kind is tokens.TagOpenOpen:
            depth += 1
        elif kind in _TAG_ENDS:
            if depth == 0:
                return position
            depth -= 1
        elif kind is tokens.TagCloseOpen and depth == 0:
            return position


def link_text(target: str | None, shown: str, media_names: Collection[str]) -> str | None:
    """Text that a reader sees of a wikilink; empty for a file or category.

    Args:
        target: what is before ``|``; None if there is none.
        shown: the other text.
        media_names: namespaces for files and categories, in lower case.

    Returns:
        The text; None if it is ``shown``, unless the link is alone on its line.
    """
    page = shown if target is None else target
    prefix, colon, rest = page.partition(":")
    if not colon:
        return shown
    prefix = prefix.strip().lower()
    if not prefix:
        return rest if target is None else shown
    if prefix in media_names or _MEDIA_FILE.search(page):
        return ""
    if prefix in _languages():
        # A link to the same article in another language is shown outside the text.
        return ""
    return shown if rest[:1].isspace() else None


def _is_alone(stream: Sequence[tokens.Token], position: int, before: _Parts) -> bool:
    """Whether the line of the link just closed contains no other text."""
    if not before.is_line_blank():
        return False
    if position == len(stream):
        return True
    following = stream[position]
    if type(following) is tokens.WikilinkOpen:
        return True
    if type(following) is not tokens.Text:
        return False
    line, newline, _ = following["text"].partition("\n")
    if line.strip():
        return False
    rest = stream[position + 1 : position + 3]
    if not newline and len(rest) == 2 and type(rest[0]) is tokens.WikilinkOpen:
        # Several such links on one line.
        return type(rest[1]) is tokens.Text and ":" in rest[1]["text"]
    return bool(newline) or position + 1 == len(stream)
