"""Folds and tokenizes names for the fact types (docs/method.md#fact-types).

What does not belong here: deciding the type of a fact, which is SQL over these columns.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, Literal

import opencc
import polars as pl
from tokenizers import Tokenizer

from ingestion.contract import LAKE

__all__ = ["ChineseConverter", "fold_name", "label_tokens"]

ChineseConverter = Literal["opencc", "zhconv"]
"""Library that converts Chinese names to simplified characters."""


def label_tokens(
    labels: pl.DataFrame,
    language: str,
    model_id: str,
    tokenizer_json: str,
    ignored_token_id: int | None = None,
    chinese: ChineseConverter = "opencc",
) -> pl.DataFrame:
    """Build the rows of the lake table ``label_tokens`` for a model and a language.

    Args:
        labels: lake table ``fact_labels``; rows of other languages are ignored.
        language: Wikipedia code.
        model_id: identifier of the model in the study.
        tokenizer_json: serialised state of its tokenizer (``tokenizer.json``).
        ignored_token_id: token that is not part of a name, such as XLM-R's bare '▁'.
        chinese: library that converts Chinese names to simplified characters.

    Raises:
        ModuleNotFoundError: the library is zhconv, which is not installed.
    """
    labels = labels.filter(pl.col("language_code") == language).sort("fact_id")
    tokenizer = _tokenizer(tokenizer_json)
    ignored = None if ignored_token_id is None else tokenizer.id_to_token(ignored_token_id)

    def folded(column: str) -> list[str]:
        return [fold_name(name, language, chinese) for name in labels[column]]

    def tokens(column: str) -> list[list[str]]:
        encodings = tokenizer.encode_batch(labels[column].to_list(), add_special_tokens=False)
        return [[t for t in dict.fromkeys(e.tokens) if t != ignored] for e in encodings]

    return pl.DataFrame(
        {
            "model_id": [model_id] * len(labels),
            "language_code": [language] * len(labels),
            "fact_id": labels["fact_id"],
            "subject_folded": folded("subject_label"),
            "object_folded": folded("object_label"),
            "subject_tokens": tokens("subject_label"),
            "object_tokens": tokens("object_label"),
        },
        schema=pl.Schema(LAKE["label_tokens"].schema),
    )


@functools.lru_cache(maxsize=1)
def _tokenizer(tokenizer_json: str) -> Tokenizer:
    """Parse a tokenizer once for all languages of a model."""
    tokenizer = Tokenizer.from_str(tokenizer_json)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@functools.lru_cache(maxsize=100_000)
def fold_name(name: str, language: str, chinese: ChineseConverter = "opencc") -> str:
    """Fold a name for comparison: lower case, or simplified characters for Chinese."""
    if language == "zh" or language.startswith("zh-"):
        return _simplifier(chinese)(name)
    return name.lower()


@functools.cache
def _simplifier(chinese: ChineseConverter) -> Callable[[str], str]:
    """Function that converts a name to simplified characters."""
    if chinese == "opencc":
        convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
        return convert
    # GPL, so an extra: only who asks for it has it.
    zhconv: Any = importlib.import_module("zhconv")
    return lambda name: str(zhconv.convert(name, "zh-cn"))
