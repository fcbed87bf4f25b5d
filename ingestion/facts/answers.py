"""Answers in words: where a name stands in what a model wrote, articles and case left aside.

What does not belong here: exact matches of tokens (SQL), names in corpora
(``ingestion.tracing``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import polars as pl

from ingestion.text import normal_name
from ingestion.tracing.borders import border_classes, is_bounded, name_edges
from ingestion.tracing.label_tokens import ChineseConverter, fold_name

__all__ = ["ARTICLES", "fold_answer", "name_offsets"]

ARTICLES = {
    "af": "die 'n", "ca": "el la els les l' un una", "cy": "y yr", "da": "en et",
    "de": "der die das den dem des ein eine einen einem einer", "el": "ο η το οι τα τον την",
    "en": "the a an", "eo": "la", "es": "el la los las un una", "eu": "", "fr":
    "le la les l' un une du des d'", "ga": "an na", "gl": "o a os as un unha", "hu": "a az egy",
    "it": "il lo la i gli le l' un uno una un'", "lb": "de den d' eng en", "nb": "en et",
    "nl": "de het een 't", "no": "en et", "oc": "lo la los las l' un una",
    "pt": "o a os as um uma", "ro": "un o", "sv": "en ett",
}  # fmt: skip
"""Language → articles that may stand before a name; one that ends in ' touches the name."""
_PREFIXES = {"ar": "ال", "arz": "ال"}
"""Language → article that is written together with every word."""


def fold_answer(text: str, language: str, chinese: ChineseConverter = "opencc") -> str:
    """Fold a name or an answer: case, Chinese variants, blanks, and what stands before the name.

    What stands before it are blanks, punctuation, and one article.
    """
    text = fold_name(normal_name(text), language, chinese).casefold().replace("\u2019", "'")
    text = re.sub(r"^[\W_]+(?<!')", "", text)
    if prefix := _PREFIXES.get(language):
        text = re.sub(rf"\b{prefix}(?=\w\w)", "", text)
    for article in ARTICLES.get(language, "").split():
        before = article if article.endswith("'") else f"{article} "
        if text.startswith(before) and len(text) > len(before):
            return text[len(before) :]
    return text


def name_offsets(
    answers: pl.DataFrame,
    language: str,
    aliases: pl.DataFrame | None = None,
    chinese: ChineseConverter = "opencc",
) -> pl.DataFrame:
    """Find the object's name, and the first of its names, in every answer.

    Args:
        answers: columns ``continuation_text, object_id, object_label``, of one language.
        language: Wikipedia code.
        aliases: columns ``entity_id, alias`` of this language.
        chinese: library that converts Chinese characters.

    Returns:
        The answers with ``object_offset`` and ``alias_offset``: letters before the name in the
        folded text, null where it does not stand there as words of their own.
    """
    others: dict[str, list[str]] = defaultdict(list)
    if aliases is not None:
        for entity, alias in aliases.select("entity_id", "alias").iter_rows():
            others[entity].append(alias)
    own: list[int | None] = []
    first: list[int | None] = []
    columns = ("continuation_text", "object_id", "object_label")
    for text, object_id, label in answers.select(columns).iter_rows():
        folded = fold_answer(text, language, chinese)
        found = [
            _place(folded, fold_answer(name, language, chinese))
            for name in (label, *others[object_id])
        ]
        own.append(found[0])
        first.append(min(_present(found), default=None))
    return answers.with_columns(
        pl.Series("object_offset", own, dtype=pl.Int32),
        pl.Series("alias_offset", first, dtype=pl.Int32),
    )


def _present(places: Iterable[int | None]) -> list[int]:
    return [place for place in places if place is not None]


def _place(text: str, name: str) -> int | None:
    """Letters before the first place where a name stands as words of their own; None: nowhere."""
    if not name:
        return None
    table = border_classes()
    first, last = name_edges([name])
    place = text.find(name)
    while place >= 0:
        around = text[place - 1 : place], text[place + len(name) :][:1]
        before, after = (np.array([table[ord(c)] if c else 0], dtype=np.uint8) for c in around)
        if is_bounded(before, first, last, after)[0]:
            return place
        place = text.find(name, place + 1)
    return None
