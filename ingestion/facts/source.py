"""Defines what all sources of facts have in common: settings, result frames and the error type.

What does not belong here: the formats (one module each), the rules for accepted
lines (``sifting``), and reading files.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, get_args

import polars as pl
from polars.exceptions import PolarsError

from ingestion.contract import LAKE
from ingestion.errors import FactrootsError, first_line
from ingestion.text import did_you_mean, normal_name

__all__ = [
    "FACT_KINDS",
    "WORDING_LINE",
    "FactKind",
    "FactSource",
    "FactsError",
    "FactsSettings",
    "LanguageFacts",
    "WordingLines",
    "as_table",
    "csv_header",
    "csv_table",
    "csv_values",
    "header_problems",
    "lines_of",
    "require_language",
    "tab_cells",
]

FactKind = Literal["mlama", "table", "bmlama", "mpararel", "klar", "popqa"]
FACT_KINDS: tuple[FactKind, ...] = get_args(FactKind)


class FactsError(FactrootsError, ValueError):
    """The facts of a study cannot be read; the message says what, where, and what to do."""


@dataclass(frozen=True)
class FactsSettings:
    """Source of a study's facts, and the share of lines that may be rejected."""

    kind: FactKind
    """Layout: 'mlama', 'mpararel', 'klar' (zip or folder), 'table' (one CSV or Parquet), 'bmlama'
    (TSV files), 'popqa' (one TSV file)."""
    path: Path | None
    """File or folder; None means the official download, which exists only for mLAMA."""
    max_rejected_rate: float
    """Largest share of a language's lines that may be rejected, from 0 to 1; more is an error."""
    within: Path | None = None
    """Folder of a restricted study, which its files must lie in; None trusts the path."""


WORDING_LINE = pl.Schema(
    {
        "source_file": pl.String,
        "line_number": pl.Int32,
        "reason": pl.String,
        "relation_id": pl.String,
        "template_id": pl.String,
        "template": pl.String,
    }
)
"""Columns of a line; ``reason`` is set if it could not be parsed, ``template_id`` may be null."""


@dataclass(frozen=True)
class WordingLines:
    """The parsed lines of one language, before they are accepted or rejected."""

    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WORDING_LINE))
    """Frame of schema ``WORDING_LINE`` in reading order."""
    texts: Mapping[str, Sequence[bytes]] = field(default_factory=dict)
    """For each source file, its raw lines; line 1 is item 0."""


@dataclass(frozen=True)
class LanguageFacts:
    """The data of one language, as lake tables (``ingestion.contract``)."""

    facts: pl.DataFrame
    """Table ``facts``: facts with labels in this language, sorted by fact_id."""
    fact_labels: pl.DataFrame
    """Table ``fact_labels``: one row per row of ``facts``, in the same order."""
    prompts: pl.DataFrame
    """Table ``prompts``, sorted by relation_id; includes relations without a fact."""
    rejected_rows: pl.DataFrame
    """Table ``rejected_rows``: every line that is in none of the other tables, by file and line."""


class FactSource(Protocol):
    """Facts in several languages; reading the same bytes twice gives equal frames."""

    def languages(self) -> tuple[str, ...]:
        """Codes of all languages of the source, sorted."""
        ...

    def digest(self, language: str) -> str:
        """SHA-256 (hex) of everything that ``read(language)`` depends on.

        Raises:
            FactsError: the source does not have the language.
        """
        ...

    def read(self, language: str) -> LanguageFacts:
        """Read one language.

        Raises:
            FactsError: the source does not have the language or cannot be read, or more lines are
                rejected than the settings allow.
        """
        ...


def lines_of(content: bytes) -> list[bytes]:
    """Lines of a file without a byte order mark; old Mac files have no line feed at all."""
    return content.removeprefix(codecs.BOM_UTF8).split(b"\n" if b"\n" in content else b"\r")


def csv_header(path: Path, lines: Sequence[bytes]) -> list[str]:
    """Names of the columns of a CSV, in normal form.

    Raises:
        FactsError: the first line is no line of a CSV in UTF-8.
    """
    try:
        names = next(csv.reader([lines[0].decode().rstrip("\r")], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise FactsError(f"{path} is not a CSV file in UTF-8: line 1: {error}.") from error
    if not names:
        raise FactsError(f"{path} is not a CSV file in UTF-8: line 1 is empty.")
    return [normal_name(name) for name in names]


def header_problems(
    found: Sequence[str], required: Sequence[str], optional: Sequence[str] | None = None
) -> list[str]:
    """What is wrong with the columns of a table.

    Args:
        found: names of its columns.
        required: columns that it must have, each once.
        optional: columns that it may have as well; None: any others, which nobody reads.
    """
    known = (*required, *(optional or ()))
    others = [name for name in found if name not in known]
    # Where other columns are refused, the hint stands with them.
    near, others = (others, []) if optional is None else ([], others)
    return [
        *(
            f"column '{name}' is missing{did_you_mean(name, near).rstrip('.')}"
            for name in required
            if name not in found
        ),
        *(
            f"column '{name}' is unknown{did_you_mean(name, known).rstrip('.')}"
            if name
            else "a column has no name"
            for name in others
        ),
        *(f"column '{name}' occurs more than once" for name in known if found.count(name) > 1),
    ]


def csv_table(path: Path, content: bytes, required: Sequence[str]) -> pl.DataFrame:
    """Columns of a CSV with one header line, as text; other columns are left out.

    Args:
        path: the file, for messages.
        content: what it holds.
        required: the columns.

    Raises:
        FactsError: it is no CSV in UTF-8, or a column is missing or there twice.
    """
    lines = lines_of(content)
    needs = f"It needs the columns {', '.join(required)}, separated by commas."
    try:
        # polars unpacks gzip and zstd, whatever they mean; text in UTF-8 does not begin so.
        content.decode()
        header = csv_header(path, lines)
        if problems := header_problems(header, required):
            raise FactsError(f"{path}: {'; '.join(problems)} (it has {', '.join(header)}). {needs}")
        rows = pl.read_csv(b"\n".join(lines), infer_schema=False)
        return rows.select(pl.nth(header.index(name)).alias(name) for name in required)
    except (UnicodeDecodeError, PolarsError) as error:
        raise FactsError(
            f"{path} is not a CSV file in UTF-8: {first_line(error)}. {needs}"
        ) from error


def csv_values(line: bytes, width: int) -> tuple[Sequence[str | None], str | None]:
    """Cells of one line of a CSV, ``width`` of them, and what is wrong with the line, or None."""
    try:
        values = next(csv.reader([line.decode().rstrip("\r")], strict=True))
    except UnicodeDecodeError as error:
        return [None] * width, f"not valid UTF-8 at byte {error.start + 1}"
    except csv.Error as error:
        return [None] * width, f"not a CSV row on one line: {error}"
    if len(values) != width:
        known = [*values[:width], *([None] * (width - len(values)))]
        return known, f"{len(values)} fields instead of {width}"
    return values, None


def tab_cells(line: str) -> list[str]:
    """Cells of a row; quotes around a cell and doubled quotes in it are the file's, not text."""
    line = line.rstrip("\r")
    try:
        return next(csv.reader([line], delimiter="\t", strict=True), [])
    except csv.Error:
        return line.split("\t")


def as_table(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """Select and cast the columns that the lake contract defines for ``table``."""
    schema = pl.Schema(LAKE[table].schema)
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def require_language(language: str, known: Sequence[str], where: Path) -> None:
    """Raise ``FactsError`` with close matches if ``language`` is not among ``known``."""
    if language not in known:
        raise FactsError(
            f"{where} has no language '{language}'{did_you_mean(language, known)} "
            f"It has {len(known)}: {', '.join(known)}."
        )
