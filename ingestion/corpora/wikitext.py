"""Extracts the running text of an article from its wikitext.

mwparserfromhell's tokenizer splits the mark-up; this module selects the text. Sentences are kept;
lists, tables, headings, templates, references, files, categories and comments are dropped
(docs/method.md#tracing). The library's node tree is not built, as it takes 80 % of the time.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Collection, Sequence

import mwparserfromhell.parser as wikitext_parser
from mwparserfromhell.parser import ParserError, tokens
from mwparserfromhell.parser.tokenizer import Tokenizer

from ingestion.corpora.lead_templates import CHARACTER_TEMPLATES, LEAD_TEMPLATES
from ingestion.corpora.markup import LESS_THAN, TRANSPARENT, WikitextError, prepare
from ingestion.languages import known_languages
from ingestion.text import normal_text

__all__ = ["MEDIA_NAMESPACES", "WikitextError", "plain_text"]

MEDIA_NAMESPACES = frozenset({"file", "image", "media", "category"})
"""English names, valid in every wiki, of the namespaces whose links are not text."""

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
# Constructs that are dropped with all their content: opening token, closing token.
_DROPPED = {
    tokens.TemplateOpen: tokens.TemplateClose,
    tokens.HeadingStart: tokens.HeadingEnd,
    tokens.CommentStart: tokens.CommentEnd,
    tokens.ArgumentOpen: tokens.ArgumentClose,
}
_LIST_MARK = "\x02"
_LINE_BREAK = "\x03"
# An apostrophe that is no mark-up although another one is next to it.
_APOSTROPHE = "\x04"
# Keeps quotes apart between which a tag, a template or a file was.
_JOINT = TRANSPARENT

_MEDIA_FILE = re.compile(
    r"\.(?:jpe?g|png|gif|svg|tiff?|webp|xcf|pdf|djvu|og[agv]|webm|mpe?g|midi?|wav|mp3|flac|stl)\s*$",
    re.IGNORECASE,
)
_CONTROLS = dict.fromkeys(range(9), " ")
_BROKEN_REFERENCE = re.compile(r"<ref\b[^<>\n]*>(?:[^<\n]*</ref>)?", re.IGNORECASE)
_BROKEN_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
# Without going back (*+), and so in linear time.
_BROKEN_TAG = re.compile(r"</?[A-Za-z][\w-]*+(?:\s*+/?|\s++[^<>\n=]*+=[^<>\n]*+)>")
# Remains of mark-up that is not closed: rows of tables, borders of templates, quotes.
_BROKEN_LINE = re.compile(r"^[ \t]*(?:\||\{\||\{\{|\}\}|![^\n]*(?:!!|\|)).*$", re.MULTILINE)
_NOT_READ_END = re.compile(r"</(?:nowiki|pre|source|syntaxhighlight)\s*>", re.IGNORECASE)
# Entities that the tokenizer does not know.
_ENTITY = re.compile(r"&[A-Za-z][A-Za-z0-9]*;")
_MAGIC = re.compile(r"__[^\W\d_]+(?:_[^\W\d_]+)*__")
_QUOTES = re.compile(r"('{2,})")
_NOT_PARSED = tuple(
    (
        re.compile(rf"</{name}\s*>", re.IGNORECASE),
        re.compile(rf"<{name}\s*>.*?</{name}\s*>", re.IGNORECASE | re.DOTALL),
    )
    for name in ("nowiki", "pre")
)
_VARIANT = re.compile(r"-\{([^{}]*)\}-")
_VARIANT_OF = re.compile(r"(?:^|;)(?:[^;]*=>)?\s*(zh(?:-\w+)?)\s*:\s*([^;]*)")
_VARIANT_FLAG = re.compile(r"^\s*((?:[A-Z-]|zh(?:-\w+)?)(?:\s*;\s*(?:[A-Z-]|zh(?:-\w+)?))*)\s*\|")
_VARIANT_DEPTH = 10
# Flags of rules that show nothing: hidden, title, removed.
_VARIANT_HIDDEN = frozenset("HT-")
_BRACKETS = re.compile(r"\([\s,;:、，；]*\)|（[\s,;:、，；]*）")
_EMPTY_BRACKETS = re.compile(rf" ?(?:{_BRACKETS.pattern})")
# They end no line of an article.
_ODD_ENDS = "\r\u2028\u2029"
# A single blank, which is most of them, is no match.
_SPACES = re.compile(r" [^\S\n]+|[^\S \n][^\S\n]*")
_SPACE_BEFORE_STOP = re.compile(r" (?=[,.;](?:\s|$))")
_HAS_LETTER = re.compile(r"[^\W\d_]")


def plain_text(wikitext: str, media_names: Collection[str] = MEDIA_NAMESPACES) -> str:
    """Extract the sentences of an article.

    Args:
        wikitext: mark-up of one page.
        media_names: namespaces for files and categories in this wiki, in lower case. A link to
            another one is still recognised by its file extension, or if it is alone on a line.

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
        protected = element.sub(lambda match: _literal(match.group()), wikitext[:last])
        wikitext = protected + wikitext[last:]
    wikitext = prepare(wikitext)
    try:
        # True: quotes stay in the text, because the library pairs them across lines.
        stream = _TOKENIZER().tokenize(wikitext, 0, True)
    except (ParserError, RecursionError) as error:
        raise WikitextError(f"the wikitext cannot be split: {error}") from error
    text = _fold(stream, media_names)
    text = "\n".join(_unquoted(line) for line in text.split("\n") if _LIST_MARK not in line)
    text = text.replace(_JOINT, "").replace(_LINE_BREAK, "\n").replace(LESS_THAN, "<")
    text = _BROKEN_TAG.sub("", _BROKEN_TEMPLATE.sub("", _BROKEN_REFERENCE.sub("", text)))
    text = _BROKEN_LINE.sub("", text)
    text = _MAGIC.sub("", text)
    if "-{" in text:
        # The innermost first; each round removes one level. MediaWiki allows ten.
        for _ in range(_VARIANT_DEPTH):
            text = _VARIANT.sub(_simplified, text)
    return _tidied(text)


def _tidied(text: str) -> str:
    """The lines with letters, in normal form, without empty brackets and blanks at their edges."""
    for end in _ODD_ENDS:
        text = text.replace(end, " ")
    if _BRACKETS.search(text):
        # Runs of blanks go first: brackets behind one would be searched from each of its places.
        text = _EMPTY_BRACKETS.sub("", _SPACES.sub(" ", text))
    text = _SPACE_BEFORE_STOP.sub("", normal_text(text.replace(_APOSTROPHE, "'")))
    lines = (line.strip(" ") for line in text.strip().split("\n"))
    return "\n".join(filter(_HAS_LETTER.search, lines))


def _without_open_comment(wikitext: str) -> str:
    """The text without the line of a comment that is not closed; MediaWiki would drop the rest."""
    start = wikitext.find("<!--", max(0, wikitext.rfind("-->")))
    if start < 0 or _NOT_READ_END.search(wikitext, start):
        return wikitext
    _, newline, rest = wikitext[start:].partition("\n")
    return wikitext[:start] + newline + rest.replace("<!--", "")


def _unquoted(line: str) -> str:
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


def _literal(text: str) -> str:
    """Protect the apostrophes of a text in which they are no mark-up."""
    return text.replace("'", _APOSTROPHE)


def _decoded(match: re.Match[str]) -> str:
    return _literal(html.unescape(match.group()))


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
                self._first and not self._is_blank and not ("\n" in part or _LINE_BREAK in part)
            ):
                continue
            _, newline, rest = part.rpartition("\n")
            if rest.strip(" \t" + _LINE_BREAK):
                self._is_blank = False
            elif newline:
                self._is_blank = True
            _, newline, rest = part.replace(_LINE_BREAK, "\n").rpartition("\n")
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
                text = _ENTITY.sub(_decoded, text)
            if text.startswith("'") and _are_apart(stream, position, out):
                out.append(_JOINT)
            out.append(text)
        elif kind in _DROPPED:
            start = position
            position = _after(stream, position, kind, _DROPPED[kind])
            if kind is tokens.TemplateOpen:
                out.append(_rendered(stream[start : position - 1], media_names))
                if out.first_of_line() == "|":
                    # An outer template is not closed: what follows is text, no parameter of it.
                    out.append(_LINE_BREAK)
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
                shown = _literal(shown) if target is None else _unquoted(shown)
                shown = _link_text(stream, position, before, target, shown, media_names)
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
            out.append(_literal(shown))
    return "".join(out)


def _rendered(template: Sequence[tokens.Token], media_names: Collection[str]) -> str:
    """What a template renders, for the few that are a character or begin an article; else ''."""
    if not template or type(template[0]) is not tokens.Text:
        return ""
    name = template[0]["text"].strip().lower().replace("_", " ").removeprefix("template:")
    render = LEAD_TEMPLATES.get(name)
    if render is None:
        return _literal(CHARACTER_TEMPLATES.get(name, ""))
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
        return _after_tag(stream, position), _LINE_BREAK if name == "table" else ""
    text = _LIST_MARK if name in _LIST_TAGS else "\n" if name in _BLOCK_TAGS else ""
    return _after_attributes(stream, position), _LINE_BREAK if name == "br" else text


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


def _after(stream: Sequence[tokens.Token], position: int, opening: type, closing: type) -> int:
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


def _after_tag(stream: Sequence[tokens.Token], position: int) -> int:
    """Position after a whole element with all its content."""
    depth = 1
    while depth:
        kind = type(stream[position])
        if kind is tokens.TagCloseSelfclose or kind is tokens.TagCloseClose:
            depth -= 1
        elif kind is tokens.TagOpenOpen:
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
        elif kind is tokens.TagCloseSelfclose or kind is tokens.TagCloseClose:
            if depth == 0:
                return position
            depth -= 1
        elif kind is tokens.TagCloseOpen and depth == 0:
            return position


def _link_text(
    stream: Sequence[tokens.Token],
    position: int,
    before: _Parts,
    target: str | None,
    shown: str,
    media_names: Collection[str],
) -> str:
    """Text that a reader sees of a wikilink; empty for a file or category."""
    page = shown if target is None else target
    prefix, colon, _ = page.partition(":")
    if not colon:
        return shown
    if not prefix.strip():
        return page.partition(":")[2] if target is None else shown
    if prefix.strip().lower() in media_names or _MEDIA_FILE.search(page):
        return ""
    if prefix.strip().lower() in _languages():
        # A link to the same article in another language is shown outside the text.
        return ""
    if page[len(prefix) + 1 : len(prefix) + 2].isspace():
        return shown
    return "" if _is_alone(stream, position, before) else shown


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


def _simplified(match: re.Match[str]) -> str:
    """Mainland form of a Chinese language variant ``-{zh-hans:…;zh-hant:…}-``."""
    flag = _VARIANT_FLAG.match(match.group(1))
    if flag and _VARIANT_HIDDEN & {part.strip() for part in flag.group(1).split(";")}:
        return ""
    body: str = _VARIANT_FLAG.sub("", match.group(1))
    forms: dict[str, str] = dict(_VARIANT_OF.findall(body))
    if not forms:
        return body
    for code in ("zh-cn", "zh-hans", "zh"):
        if code in forms:
            return forms[code].strip()
    return next(iter(forms.values())).strip()
