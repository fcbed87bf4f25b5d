"""The normal form of names and texts, and wording that error messages share.

What does not belong here: reading corpora or facts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

import polars as pl

__all__ = ["did_you_mean", "normal_column", "normal_name", "normal_text"]

# Marks that show nothing: soft hyphen, marks of direction, word joiner, byte order mark. Joiners
# (U+200C, U+200D) show, and U+200B separates words, so these stay inside a name.
_HIDDEN = "[\u00ad\u061c\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
_BLANKS = r"[\s\x00\x1c-\x1f]+"
_EDGES = " \u200b"
_HIDDEN_MARK, _BLANKS_RUN = re.compile(_HIDDEN), re.compile(_BLANKS)
_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029]")
_LINE_BLANKS = re.compile(r"[^\S\n]+")


def normal_name(name: str) -> str:
    """Normal form of a label, template or alias (docs/method.md#facts)."""
    name = _BLANKS_RUN.sub(" ", _HIDDEN_MARK.sub("", name)).strip(_EDGES)
    return unicodedata.normalize("NFC", name)


def normal_column(name: pl.Expr) -> pl.Expr:
    """``normal_name`` of a column."""
    name = name.str.replace_all(_HIDDEN, "").str.replace_all(_BLANKS, " ")
    return name.str.strip_chars(_EDGES).str.normalize("NFC")


def normal_text(text: str) -> str:
    """Normal form of a document: as of a name, but lines stay lines, and edges stay."""
    text = _LINE_ENDS.sub("\n", _HIDDEN_MARK.sub("", text).replace("\0", " "))
    return unicodedata.normalize("NFC", _LINE_BLANKS.sub(" ", text))


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """End of a sentence: up to three close matches (``; did you mean 'de'?``), or a full stop."""
    near = get_close_matches(wrong.lower(), list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
