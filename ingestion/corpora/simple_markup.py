"""Reads the simple mark-up of an article with one pattern, and the rest by the library's tokens.

Most mark-up is simple: whole templates, references, tables and files, which are dropped, links, and
lists. Lines with anything else are given to ``ingestion.corpora.wikitext_tokens``, which is the
reference: both give the same text. What does not belong here: any rule about which text is kept.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection

from mwparserfromhell.definitions import PARSER_BLACKLIST, SINGLE_ONLY, URI_SCHEMES

from ingestion.corpora.lead_templates import CHARACTER_TEMPLATES, LEAD_TEMPLATES, template_name
from ingestion.corpora.wikitext_tokens import (
    JOINT,
    LINE_BREAK,
    LIST_MARK,
    character_of,
    link_text,
    literal,
    text_of_tokens,
    unquoted,
)

__all__ = ["text_of_markup"]

# What follows decides as the library does. Where it decides by more than a few characters, the
# pattern leaves the sign alone, so that its line is read by the library. Names of tags are ASCII:
# without (?a:), a pattern that ignores case takes "ſ" for "s", and the sign of kelvin for "k".
_URL = rf"(?://|(?a:{'|'.join(URI_SCHEMES)}):)"
_TITLE = rf"(?!{_URL})[^{{}}\[\]<>|\n]++"
_NAME = r"(?:\s*+\w|[^\s{}\[\]<>|&])[^{}\[\]<>|&\n]*+"
# Content without templates and tags, in which all brackets of links are closed.
_FLAT = (
    rf"[^{{}}\[<]*+(?:(?:\[\[{_TITLE}(?:\|[^{{}}\[\]<]*+)?\]\]"
    rf"|\[(?={_URL})[^{{}}\[\]<\n]*+\]|\[(?!\[|{_URL}))[^{{}}\[<]*+)*+"
)
_ATTRIBUTES = (
    r"""(?:[ \t](?:[^<>{}\[\]"'/\\\n]|"[^"<>{}\[\]\\\n]*+"|'[^'<>{}\[\]\\\n]*+'"""
    r"""|(?<=\w)["']|/(?!>))*+)?"""
)
_RAW_TAGS = "|".join(name for name in PARSER_BLACKLIST if name not in ("nowiki", "pre"))
# Each alternative ends with an empty group that names it. The first character stands alone, so that
# the search goes from sign to sign.
_SIGN = re.compile(
    rf"""[\[{{\]}}<\n](?:
    (?<=\[)(?:
        \[(?P<title>{_TITLE})(?:\|(?P<shown>[^{{}}\[\]<|\n]*+))?\]\](?P<link>)
        |\[++(?P<open>)
        |(?a:(?:https?:)?)//[^\s\[\]<>"'{{}}|]++(?:\ (?P<label>[^\[\]{{}}<\n]*+))?\](?P<url>)
        |(?={_URL})(?:[^{{}}\[\]<\n]*+\](?P<url2>)
            |(?=[^\n\]]*?(?:</|\}}\}}))(?P<lone3>)|(?P<odd>)))
    |(?<=\{{)(?:
        \{{(?P<name>{_NAME})\s*+(?:\|{_FLAT})?\}}\}}(?P<template>)
        |\{{++(?P<open2>)
        |(?P<brace>))
    |(?<=\])\](?P<close>)
    |(?<=\}})(?:\}}++(?P<close2>)|(?P<brace2>))
    |(?<=\n)(?:
        [*\#:;](?P<item>)
        |=++[^=\n{{}}\[\]<&:]++=++(?=[ \t]*+(?:\n|\Z))(?P<heading>)
        |\s?\{{\|(?P<table>)
        |\s?\|\}}(?!\}})(?P<table_end>)
        |=(?=[^\n{{}}\[\]<]*+[{{}}\[\]<])(?P<lone2>)
        |(?:=|----)(?P<line>))
    |(?<=<)(?:
        ref{_ATTRIBUTES}(?:/>|>{_FLAT}</ref>)(?P<dropped>)
        |!--.*?-->(?P<comment>)
        |br[ ]*+/?>(?P<break>)
        |(?a:references|section|nowiki|templatestyles){_ATTRIBUTES}/>(?P<dropped2>)
        |(?P<raw>(?a:{_RAW_TAGS})){_ATTRIBUTES}>.*?</(?a:(?P=raw))\s*+>(?P<dropped3>)
        |(?P<kept>(?a:nowiki|pre)){_ATTRIBUTES}>.*?</(?a:(?P=kept))\s*+>(?P<literal>)
        |(?P<end>/?)(?P<tag_name>(?a:[a-z][a-z0-9]*)){_ATTRIBUTES}(?P<empty>/?)>(?P<tag>)
        |(?P<lone>)))""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_TITLE_END = re.compile(rf"{_TITLE}(?=\||\]\])", re.IGNORECASE)
_NAME_END = re.compile(rf"({_NAME})\s*+(?:<!--[^<>]*-->\s*+)*+(?=\||\}}\}})", re.IGNORECASE)
# In running text: the end of a table's cell, a free link, an entity with many digits or of a "|".
_HARD = re.compile(
    rf"\||:(?![ \n\[\]])(?:{'|'.join(f'(?<={scheme}:)' for scheme in URI_SCHEMES)})"
    r"|&#(?![1-9][0-9]{0,5};|x0?[1-9a-f][0-9a-f]{0,4};)|&(?:\#124|\#x0?7c|vert|verbar|VerticalLine);",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:[a-z][a-z0-9]*|#[0-9]+|#x[0-9a-f]+);", re.IGNORECASE | re.ASCII)
# Whole constructs, and marks that mean nothing within a construct that is dropped.
_WHOLE = frozenset(
    {
        *("link", "item", "heading", "line", "url", "url2"),
        *("dropped", "dropped2", "dropped3", "comment", "break", "literal"),
    }
)
_OPENINGS = frozenset({"open", "open2", "tag", "table"})
_BRACES = frozenset({"brace", "brace2"})
_LINE_STARTS = frozenset({"item", "heading", "table", "table_end", "line", "lone2"})
# Signs that leave nothing in the text.
_EMPTY = frozenset({"dropped2", "dropped3", "comment", "heading"})
_DROPPED_TAGS = frozenset({"ref", "references"})
# The library gives up at 40, and takes three for a template in a template.
_DEEPEST = 6


def text_of_markup(wikitext: str, media_names: Collection[str]) -> str:
    """As ``text_of_tokens``, and the same text, in a part of the time.

    Args:
        wikitext: prepared mark-up of a page.
        media_names: namespaces for files and categories, in lower case.

    Raises:
        WikitextError: the tokenizer fails.
    """
    return _Reader(wikitext, media_names).read()


class _Reader:
    """Reads a page sign by sign. Positions are in the text with a newline in front."""

    def __init__(self, wikitext: str, media_names: Collection[str]) -> None:
        self._text = "\n" + wikitext
        self._media_names = media_names
        self._out: list[str] = []
        # Where the present line begins in the page, and in what was added.
        self._line = self._line_out = 0
        # Where the lines begin that the library reads; -1: none are open.
        self._hard = -1
        self._after_comment = False
        # Open constructs, the beginning of the outermost, and whether the library must read it.
        self._open: list[str] = []
        self._opened = 0
        self._is_odd = False

    def read(self) -> str:
        """Read the page once."""
        if not self._read_signs():
            self._read_by_library()
        if self._hard >= 0:
            self._add_tokens(len(self._text))
        return "".join(self._out)[1:]

    def _read_signs(self) -> bool:
        """Read up to the end, or up to what is not balanced."""
        begin = 0
        for sign in _SIGN.finditer(self._text):
            kind = sign.lastgroup or ""
            if self._open:
                if kind in _WHOLE:
                    continue
                if not self._nest(sign, kind):
                    return False
                if not self._open:
                    begin = sign.end()
                    self._close(begin)
            elif kind not in _BRACES:
                start, end = sign.span()
                if kind in _LINE_STARTS:
                    start = end - 2 if kind == "table" else start + 1
                self._add_text(begin, start)
                begin, self._opened = end, start
                if kind == "link":
                    self._add_link(sign)
                elif not self._add(sign, kind):
                    return False
                self._after_comment = kind == "comment"
        if self._open:
            return False
        self._add_text(begin, len(self._text))
        return True

    def _add(self, sign: re.Match[str], kind: str) -> bool:
        """Add what stands in no other construct; False if it is not balanced."""
        if kind == "template":
            text = _rendered(sign["name"])
            self._add_part(None if self._has_heading(sign.end()) else text)
        elif kind == "item" or kind == "break":
            self._add_part(LIST_MARK if kind == "item" else LINE_BREAK)
        elif kind == "url":
            self._add_part(_decoded(sign["label"] or ""))
        elif kind == "dropped":
            self._add_part(None if self._has_heading(sign.end()) else "")
        elif kind in _OPENINGS:
            self._is_odd = not self._is_dropped(sign, kind)
            is_balanced = self._nest(sign, kind)
            if not self._open:
                self._read_by_library()
            return is_balanced
        elif kind not in _EMPTY:
            self._read_by_library()
            return kind != "lone"
        return True

    def _is_dropped(self, sign: re.Match[str], kind: str) -> bool:
        """Whether what a sign opens is dropped with all its content, if that is simple."""
        if kind == "tag":
            return sign["tag_name"].lower() in _DROPPED_TAGS
        if kind == "table":
            return True
        if sign.group() == "[[":
            title = _TITLE_END.match(self._text, sign.end())
            return title is not None and link_text(title[0], "x", self._media_names) == ""
        name = _NAME_END.match(self._text, sign.end())
        return name is not None and _rendered(name[1]) == ""

    def _nest(self, sign: re.Match[str], kind: str) -> bool:
        """Open or close a construct; False if it is not balanced."""
        mark = sign[0]
        if kind == "template" or kind == "open2":
            # The library has a rule of its own for templates in a row in a parameter.
            is_odd = self._open[-1:] == ["{{"] and self._text.startswith("}}", sign.start() - 2)
            if kind == "open2":
                is_odd |= not _NAME_END.match(self._text, sign.end())
                self._open.append("{{")
            self._is_odd |= is_odd
        elif kind == "open":
            self._is_odd |= len(mark) > 2 or not _TITLE_END.match(self._text, sign.end())
            self._open += ["[["] * (len(mark) // 2)
        elif kind == "close" or kind == "close2":
            self._is_odd |= len(mark) % 2 == 1
            return all(self._end("[[" if mark == "]]" else "{{") for _ in range(len(mark) // 2))
        elif kind == "tag":
            return self._nest_tag(sign)
        elif kind == "table":
            self._is_odd |= "{{" in self._open
            self._open.append("{|")
        elif kind == "table_end":
            return self._end("{|")
        else:
            self._is_odd = True
            # The bracket that ends a link to a page may end this one.
            if kind == "odd" and "[[" in self._open:
                return False
        self._is_odd |= len(self._open) > _DEEPEST
        # Three braces are an argument, or not.
        return not kind.startswith("lone") and not mark.startswith("{{{")

    def _nest_tag(self, sign: re.Match[str]) -> bool:
        name = sign["tag_name"].lower()
        if sign["end"]:
            # Another tag that is still open is taken for text.
            while self._open and self._open[-1] not in (name, "{{", "[[", "{|"):
                self._open.pop()
            return sign[0][2:-1].rstrip().lower() == name and self._end(name)
        if not sign["empty"] and name not in SINGLE_ONLY:
            self._open.append(name)
        return name not in PARSER_BLACKLIST

    def _end(self, pair: str) -> bool:
        """Close the innermost construct; False if another one is open within it."""
        if pair not in self._open:
            self._is_odd = True
            return True
        return self._open.pop() == pair

    def _close(self, end: int) -> None:
        """Drop the outermost construct, or have its lines read by the library."""
        if self._is_odd or self._has_heading(end):
            self._read_by_library()
        elif self._text.startswith("{|", self._opened):
            self._add_part(LINE_BREAK)

    def _has_heading(self, end: int) -> bool:
        """Whether a heading may begin between the last sign and a position."""
        return self._text.find("\n=", self._opened, end) >= 0

    def _add_link(self, sign: re.Match[str]) -> None:
        title, shown = sign.group("title", "shown")
        text = title if shown is None else shown
        whole = sign[0]
        # Most links name no namespace, and have nothing to decode and no quotes.
        if not (":" in whole or "&" in whole or "''" in whole):
            self._add_part(text)
        elif _HARD.search(text):
            self._read_by_library()
        elif shown is None:
            self._add_part(link_text(None, literal(_decoded(title)), self._media_names))
        else:
            shown = unquoted(_decoded(shown))
            self._add_part(link_text(_decoded(title), shown, self._media_names))

    def _add_part(self, part: str | None) -> None:
        """Add the text of a construct; None if the library knows it."""
        if part is None:
            self._read_by_library()
        elif part and self._hard < 0:
            self._out.append(part)

    def _add_text(self, start: int, end: int) -> None:
        """Add running text; lines of it that are not simple are read by the library."""
        while start < end:
            if self._hard >= 0:
                start = self._text.find("\n", start, end) + 1
                if not start:
                    return
                self._add_tokens(start)
                continue
            piece = self._text[start:end]
            has_marks = "|" in piece or ":" in piece or "&" in piece
            hard = _HARD.search(self._text, start, end) if has_marks else None
            if not hard:
                self._add_simple_text(piece, start)
                return
            stop = max(start, self._text.rfind("\n", start, hard.start()) + 1)
            if start < stop:
                self._add_simple_text(self._text[start:stop], start)
            self._read_by_library()
            start = stop

    def _add_simple_text(self, text: str, start: int) -> None:
        if text[0] == "'" and not self._after_comment and self._out[-1].endswith("'"):
            self._out.append(JOINT)
        line = text.rfind("\n") + 1
        if line:
            self._out.append(_decoded(text[:line]))
            self._line, self._line_out = start + line, len(self._out)
            text = text[line:]
        if text:
            self._out.append(_decoded(text))

    def _read_by_library(self) -> None:
        """Have the present line read by the library: what was added of it is taken back."""
        if self._hard < 0:
            self._hard = self._line
            del self._out[self._line_out :]

    def _add_tokens(self, end: int) -> None:
        """Add the lines that the library reads, up to a position after a newline."""
        lines = self._text[self._hard : end]
        self._out.append(text_of_tokens(lines, self._media_names))
        self._line, self._line_out = end, len(self._out)
        self._hard = -1


def _decoded(text: str) -> str:
    """Text with the characters of its entities."""
    return _ENTITY.sub(character_of, text) if "&" in text else text


@functools.lru_cache(maxsize=10_000)
def _rendered(name: str) -> str | None:
    """What a template renders whatever its parameters; None if that depends on them."""
    name = template_name(name)
    return None if name in LEAD_TEMPLATES else literal(CHARACTER_TEMPLATES.get(name, ""))
