"""Splits words as BERT's tokenizers do before their model sees them, character by character.

Ideographs and signs are words of their own and so one token each; what is between them is left to
the model. What each character is, the tokenizer itself says. What does not belong here: counting
and caching (``ingestion.tracing.units``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer

__all__ = ["BertPieces", "bert_pieces"]

# In place of a character that is one token, and of one whose word the whole tokenizer must see; a
# BERT drops both.
_ONE, _UNKNOWN = "\x02", "\x01"


class BertPieces(dict[int, "str | None"]):
    """What becomes of each character, as ``str.translate`` takes it; asks the tokenizer once.

    Words of characters that are known to stay, or to be one token, are split by two patterns, which
    takes a part of the time; the patterns are made again whenever four times as many are known.

    Args:
        tokenizer: a BERT's, which keeps capitals and accents.
        added: its added tokens, which it finds before it splits words.
    """

    def __init__(self, tokenizer: Tokenizer, added: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        signs = {sign for each in added for sign in each if self[ord(sign)] == _ONE}
        self.update((ord(sign), _UNKNOWN) for sign in signs)
        self._compile()

    def _compile(self) -> None:
        """Make the patterns from the characters that are known now."""
        # Beyond these, ``re`` would look at each character of a class in turn.
        known = [(chr(code), became) for code, became in self.items() if code < 0x10000]
        same = re.escape("".join(each for each, became in known if became == each))
        ones = re.escape("".join(each for each, became in known if became == _ONE))
        # A class must not be empty.
        self._same = re.compile(f"[{same}]+" if same else "(?!)")
        self._simple = re.compile(f"[{same}{ones}]+" if same or ones else "(?!)")
        self._compiled_count = len(self)

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        became: str | None = _UNKNOWN
        # Half of a pair is no character for the tokenizer.
        if unicodedata.category(character) != "Cs":
            normal = self._tokenizer.normalizer.normalize_str(f"a{character}b")
            parts = [part for part, _ in self._tokenizer.pre_tokenizer.pre_tokenize_str(normal)]
            if parts == ["a", character, "b"]:
                became = _ONE
            elif parts == ["a", "b"]:
                became = " "
            elif parts == ["ab"]:
                became = None
            elif parts == [f"a{character}b"]:
                became = character
        self[code] = became
        return became

    def split(self, word: str) -> tuple[int, list[str]] | None:
        """Number of characters that are one token each, and the other pieces; None if unknown."""
        if self._same.fullmatch(word):
            return 0, [word]
        if self._simple.fullmatch(word):
            parts = self._same.findall(word)
            return len(word) - sum(map(len, parts)), parts
        became = word.translate(self)
        if len(self) >= 4 * self._compiled_count:
            self._compile()
        if _UNKNOWN in became:
            return None
        return became.count(_ONE), became.replace(_ONE, " ").split()


def bert_pieces(tokenizer: Tokenizer, state: dict[str, Any]) -> BertPieces | None:
    """The splitter of a tokenizer with this state; None if it is no BERT that keeps capitals."""
    normalizer, splitter = state["normalizer"] or {}, state["pre_tokenizer"] or {}
    is_kept = not (normalizer.get("lowercase") or normalizer.get("strip_accents"))
    kinds = (normalizer.get("type"), splitter.get("type"), state["model"].get("type"))
    if kinds != ("BertNormalizer", "BertPreTokenizer", "WordPiece") or not is_kept:
        return None
    added = [token["content"] for token in state["added_tokens"]]
    pieces = BertPieces(tokenizer, added)
    # A word with an added token in it must be one that is left to the tokenizer.
    return pieces if all(pieces.split(each) is None for each in added) else None
