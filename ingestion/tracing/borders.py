"""Decides where a name may begin and end, from the neighbouring characters.

Scripts use spaces differently, so the rule looks at characters and not at languages. A name of
mixed script is judged at each edge by the character at that edge.
"""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = [
    "begin_words",
    "border_classes",
    "code_points",
    "hangul_goes_on",
    "is_bounded",
    "is_in_word",
    "name_edges",
    "ranges",
]

_OTHER, _SPACED, _UNSPACED, _HANGUL, _EXTENDER, _FREE_EXTENDER = range(6)

# First words of the Unicode names of letters, in scripts without spaces between words.
_UNSPACED_SCRIPTS = frozenset(
    {
        *("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "YI"),
        *("THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "JAVANESE", "BALINESE", "NUSHU"),
        *("TANGUT", "HENTAIGANA", "TAI", "NEW"),
    }
)
# Soft hyphen, zero-width joiner and non-joiner occur inside words.
_JOINERS = frozenset({0x00AD, 0x200C, 0x200D})


@functools.cache
def border_classes() -> npt.NDArray[np.uint8]:
    """Border class of every code point, as an array of 1,114,112 entries.

    Classes: other; letter or digit of a script with spaces, without spaces, or Hangul; combining
    mark or joiner of a script with or without spaces.
    """
    table = np.zeros(sys.maxunicode + 1, dtype=np.uint8)
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        category = unicodedata.category(character)
        if code in _JOINERS:
            table[code] = _EXTENDER
        elif category[0] in "LNM":
            words = unicodedata.name(character, "").split(" ", 2)
            if words[0] in ("HALFWIDTH", "FULLWIDTH"):
                words = words[1:]
            is_free = words[0] in _UNSPACED_SCRIPTS
            if category[0] == "M":
                table[code] = _FREE_EXTENDER if is_free else _EXTENDER
            elif words[0] == "HANGUL":
                table[code] = _HANGUL
            else:
                table[code] = _UNSPACED if is_free else _SPACED
    return table


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """Code points of a text."""
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def name_edges(names: Sequence[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Border classes of each name's first character and last letter (ignoring its marks)."""
    table = border_classes()
    first = np.array([table[ord(name[0])] for name in names], dtype=np.uint8)
    last = np.zeros(len(names), dtype=np.uint8)
    for index, name in enumerate(names):
        classes = [table[ord(character)] for character in name]
        while len(classes) > 1 and classes[-1] in (_EXTENDER, _FREE_EXTENDER):
            classes.pop()
        last[index] = classes[-1]
    return first, last


def is_bounded(
    before: npt.NDArray[np.uint8],
    first: npt.NDArray[np.uint8],
    last: npt.NDArray[np.uint8],
    after: npt.NDArray[np.uint8],
) -> npt.NDArray[np.bool_]:
    """Whether each match begins and ends at a token boundary.

    - In scripts with spaces, a letter or digit may not touch another one: no 'Rom' in 'Roman'.
    - Han, Kana, Thai and similar scripts have no such boundary: a name may occur anywhere.
    - Hangul puts spaces between phrases (a noun and its particles): a name begins where a phrase
      begins, and a particle may follow it.
    - A name never ends before a mark that belongs to its last letter.

    Args:
        before: border class of the character before each match.
        first: border class of the name's first character.
        last: border class of the name's last letter.
        after: border class of the character after each match.
    """
    joins_left = (first == _SPACED) & ((before == _SPACED) | (before == _EXTENDER))
    joins_left |= (first == _HANGUL) & (before == _HANGUL)
    joins_right = (last == _SPACED) & (after == _SPACED)
    joins_right |= (after == _EXTENDER) | (after == _FREE_EXTENDER)
    is_free: npt.NDArray[np.bool_] = ~(joins_left | joins_right)
    return is_free


def begin_words(
    before: npt.NDArray[np.uint8], classes: npt.NDArray[np.uint8]
) -> npt.NDArray[np.bool_]:
    """Whether each character begins a word of a script with spaces (arrays of border classes)."""
    begins: npt.NDArray[np.bool_] = (
        (classes == _SPACED) & (before != _SPACED) & (before != _EXTENDER)
    )
    return begins


def is_in_word(classes: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Whether each character goes on with such a word (its border class)."""
    goes_on: npt.NDArray[np.bool_] = (classes == _SPACED) | (classes >= _EXTENDER)
    return goes_on


def hangul_goes_on(text: str, places: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether a letter of Hangul stands before and after each place in a text."""
    is_hangul = border_classes()[code_points(f"\0{text}\0")] == _HANGUL
    both: npt.NDArray[np.bool_] = is_hangul[places] & is_hangul[places + 1]
    return both


def ranges(starts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Concatenation of ``range(start, start + count)`` over all pairs."""
    offsets = np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts, counts) + np.arange(int(counts.sum()), dtype=np.int64) - offsets
