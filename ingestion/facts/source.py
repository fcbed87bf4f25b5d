"""What every source of facts is asked for and gives back: settings, frames, the one error type.

Formats live in ``mlama``, ``table`` and ``bmlama``; which rows are good enough is decided in
``sifting``. Nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, Protocol

import polars as pl

from ingestion.contract import LAKE

__all__ = [
    "FACT_KINDS",
    "FactKind",
    "FactSource",
    "FactsError",
    "FactsSettings",
    "LanguageFacts",
    "as_table",
    "near_matches",
    "require_language",
]

FactKind = Literal["mlama", "table", "bmlama"]
FACT_KINDS: tuple[FactKind, ...] = ("mlama", "table", "bmlama")


class FactsError(ValueError):
    """The facts of a study cannot be read; the message says what, where, and what to do."""


@dataclass(frozen=True)
class FactsSettings:
    """Where a study's facts come from and how much of them may be broken."""

    kind: FactKind
    """Layout: 'mlama' (zip or folder), 'table' (one CSV or Parquet), 'bmlama' (TSV files)."""
    path: Path | None
    """The file or folder; None means the official download, which only mLAMA has."""
    max_rejected_rate: float
    """Largest share (0 to 1) of a language's lines that may be rejected before it is an error."""


@dataclass(frozen=True)
class LanguageFacts:
    """All that a source holds for one language, as lake tables (``ingestion.contract``)."""

    facts: pl.DataFrame
    """Table ``facts``: what is stated in this language, sorted by fact_id."""
    fact_labels: pl.DataFrame
    """Table ``fact_labels``: one row per row of ``facts``, in the same order."""
    prompts: pl.DataFrame
    """Table ``prompts``: also the templates of relations without a fact, sorted by relation_id."""
    rejected_rows: pl.DataFrame
    """Table ``rejected_rows``: every line that is in none of the others, by file and line."""


class FactSource(Protocol):
    """Facts in some languages; reading the same bytes twice gives equal frames."""

    def languages(self) -> tuple[str, ...]:
        """Codes of all languages that the source holds, sorted."""
        ...

    def digest(self, language: str) -> str:
        """SHA-256 (hex) of all that ``read(language)`` depends on; equal bytes, equal digest.

        Raises:
            FactsError: The source does not hold the language.
        """
        ...

    def read(self, language: str) -> LanguageFacts:
        """Read one language.

        Raises:
            FactsError: The source does not hold the language, cannot be read, or more of the
                language's lines are broken than the settings allow.
        """
        ...


def as_table(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """Give ``frame`` exactly the columns and types that the lake contract names for ``table``."""
    schema = pl.Schema(LAKE[table].schema)
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def near_matches(wrong: str, known: Sequence[str]) -> str:
    """End of a sentence: ``; did you mean 'de'?``, or a full stop when nothing is near."""
    near = get_close_matches(wrong.lower(), known, 3, 0.5)
    return f"; did you mean {' or '.join(repr(match) for match in near)}?" if near else "."


def require_language(language: str, known: Sequence[str], where: Path) -> None:
    """Raise ``FactsError`` with near matches when ``language`` is not among ``known``."""
    if language not in known:
        raise FactsError(
            f"{where} holds no language '{language}'{near_matches(language, known)} "
            f"It holds {len(known)}: {', '.join(known)}."
        )
