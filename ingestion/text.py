"""The normal form of names and texts, and wording that error messages share.

What does not belong here: reading corpora or facts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

import polars as pl
import pyarrow as pa

__all__ = [
    "did_you_mean",
    "is_text_type",
    "left_out",
    "names_left_out",
    "normal_column",
    "normal_name",
    "normal_text",
]

# Marks that show nothing: soft hyphen, zero-width space, marks of direction, word joiner, invisible
# operators, selectors of a glyph's form, byte order mark.
_HIDDEN = (
    "[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0001\U000e0020-\U000e007f\U000e0100-\U000e01ef]"
)
_NO_BREAK_HYPHEN = "\u2011"
# Blanks but the usual one and the ends of lines; controls show as a blank, or not at all.
_ODD_BLANKS = r"\x00-\x09\x0b-\x1f\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_JOINERS = "[\u200c\u200d]+"
# Joiners show between letters and after a virama, which is kept from joining the next letter.
_VIRAMAS = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca"
_WORD_ENDS = rf"[ \n{_ODD_BLANKS}.,:;!?)\u060c\u061b\u061f\u0964]"
_JOINERS_BEFORE = rf"(^|[ \n{_ODD_BLANKS}]){_JOINERS}"
_JOINERS_AFTER = rf"([^{_VIRAMAS}\u200c\u200d]){_JOINERS}({_WORD_ENDS}|$)"
_BLANKS = rf"[ \n{_ODD_BLANKS}]+"
_HIDDEN_MARK, _BLANK = re.compile(_HIDDEN), re.compile(_BLANKS)
# The same as the two patterns, but fast: it looks around only where a joiner is.
_EDGE_JOINER = re.compile(
    rf"[\u200c\u200d](?<![^ \n{_ODD_BLANKS}][\u200c\u200d])[\u200c\u200d]*"
    rf"|[\u200c\u200d](?<![{_VIRAMAS}\u200c\u200d].)[\u200c\u200d]*(?={_WORD_ENDS}|\Z)"
)
_LINE_ENDS = ("\r\n", "\r", "\u2028", "\u2029")
_ODD_BLANK, _BLANKS_IN_ROW = re.compile(f"[{_ODD_BLANKS}]"), re.compile("  +")


def normal_name(name: str) -> str:
    """Normal form of a label, template, alias or identifier (docs/method.md#facts)."""
    return _BLANK.sub(" ", normal_text(name)).strip(" ")


def normal_column(name: pl.Expr) -> pl.Expr:
    """``normal_name`` of a column."""
    name = name.str.replace_all(_HIDDEN, "").str.replace_all(_NO_BREAK_HYPHEN, "-")
    name = name.str.normalize("NFC").str.replace_all(_JOINERS_BEFORE, "$1")
    # Twice, because two matches that share a character are not found at once.
    name = name.str.replace_all(_JOINERS_AFTER, "$1$2").str.replace_all(_JOINERS_AFTER, "$1$2")
    return name.str.replace_all(_BLANKS, " ").str.strip_chars(" ")


def normal_text(text: str) -> str:
    """Normal form of a document: as of a name, but lines stay lines, and edges stay."""
    text = _HIDDEN_MARK.sub("", text).replace(_NO_BREAK_HYPHEN, "-")
    # Line by line: one line with a mark that may join a letter costs all of its text.
    text = "\n".join([unicodedata.normalize("NFC", line) for line in text.split("\n")])
    if "\u200c" in text or "\u200d" in text:
        text = _EDGE_JOINER.sub("", text)
    for end in _LINE_ENDS:
        text = text.replace(end, "\n")
    return _BLANKS_IN_ROW.sub(" ", _ODD_BLANK.sub(" ", text))


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """End of a sentence: up to three close matches (``; did you mean 'de'?``), or a full stop."""
    near = get_close_matches(wrong.lower(), list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else "."


def is_text_type(kind: pa.DataType) -> bool:
    """Whether a column of Parquet holds text, or nothing: pandas writes categories, and null."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    types = pa.types
    checks = (types.is_string, types.is_large_string, types.is_string_view, types.is_null)
    return any(check(kind) for check in checks)


_NAMED = 5
"""Names that one message lists."""


def names_left_out(counts: Mapping[str, int], known: Iterable[str]) -> str:
    """List names that nothing is known of: misspelt ones first, then the most frequent.

    A name with digits is only close to one that differs in case and blanks: P361 is not P36.

    Args:
        counts: name → how often it occurs.
        known: the names that exist.

    Returns:
        Such as ``'EN' (did you mean 'en'?), 'fr' and 12 others``; '' without a name.
    """
    folded = {_folded(name): name for name in known}
    words = [name for name in folded if len(name) > 3 and name.isalpha()]
    order = sorted(counts, key=lambda name: (_folded(name) not in folded, -counts[name], name))
    shown = []
    for name in order[:_NAMED]:
        key = _folded(name)
        close = get_close_matches(key, words, n=1, cutoff=0.8) if key.isalpha() else []
        near = folded.get(key) or (folded[close[0]] if close else None)
        shown.append(repr(name) + (f" (did you mean {near!r}?)" if near else ""))
    more = len(order) - len(shown)
    return ", ".join(shown) + (f" and {more:,} others" if more else "")


def left_out(
    total: int, what: str, others: Mapping[str, tuple[Mapping[str, int], Iterable[str]]]
) -> str:
    """Say how much of a file is about nothing that a study has.

    Args:
        total: its lines or rows.
        what: 'lines' or 'rows'.
        others: kind of name → names that the study does not have, with their counts, and those that
            it has.

    Returns:
        A sentence with the number and the names; '' if there are none.
    """
    count = sum(sum(counts.values()) for counts, _ in others.values())
    named = [f"{kind} {names_left_out(*each)}" for kind, each in others.items() if each[0]]
    if not named:
        return ""
    return (
        f"{count:,} of {total:,} {what} are left out, because the study does not have their "
        + ", and ".join(named)
    )


def _folded(name: str) -> str:
    """A name without what is easily misspelt: case, blanks and hyphens."""
    return re.sub(r"[\s_-]", "", name.casefold())
