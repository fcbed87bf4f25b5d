"""Reads your own facts: one CSV or Parquet file with a row per fact and language.

Columns: ``language, relation, template, subject, object`` and optionally ``fact_id, subject_id,
object_id``. The rules for accepted lines are in ``sifting``.

Missing identifiers are derived; they begin with ``label-`` or ``fact-``:

- A fact without ``fact_id`` but with subject_id and object_id is identified by relation,
  subject_id and object_id. So it is the same fact in all languages.
- Without these it is identified by language, relation and labels. It is then a fact of that
  language only, and languages cannot share it.
- A fact with ``fact_id`` but without subject_id or object_id gets them from its English label, or
  from its label in the first other language (by code).

A row without a language is rejected, and so is one with a wrong number of fields. If no other row
has its language, it is listed under the language of the previous row (the first rows: of the next
one), because every rejected row needs a language.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars.exceptions import PolarsError

from ingestion.errors import first_line
from ingestion.facts.sifting import (
    FACT_LINE,
    TEMPLATE_LINE,
    FactLines,
    check_rejected_rate,
    sift,
    template_problem,
)
from ingestion.facts.source import (
    FactsError,
    LanguageFacts,
    csv_header,
    csv_values,
    header_problems,
    lines_of,
    require_language,
)
from ingestion.restricted import read_bytes
from ingestion.text import is_text_type, normal_column

__all__ = ["TableSource"]

_REQUIRED = ("language", "relation", "template", "subject", "object")
_OPTIONAL = ("fact_id", "subject_id", "object_id")
_COLUMNS = (*_REQUIRED, *_OPTIONAL)


class TableSource:
    """One CSV or Parquet file, which is parsed once and held in memory."""

    def __init__(self, path: Path, max_rejected_rate: float, within: Path | None = None) -> None:
        """Parse the file.

        Raises:
            RestrictedError: the file is not inside ``within``.
            FactsError: the file cannot be read, or columns are missing, unknown or not text.
        """
        self._path = path
        self._max_rejected_rate = max_rejected_rate
        try:
            if path.suffix.lower() == ".parquet":
                rows, self._lines = _read_parquet(path, read_bytes(path, within))
            else:
                rows, self._lines = _read_csv(path, read_bytes(path, within))
        except OSError as error:
            raise FactsError(f"cannot read {path}: {error.strerror or error}.") from error
        self._sifted: dict[str, tuple[LanguageFacts, int]] = {}
        self._rows = _with_identifiers(_with_languages(rows, path))

    @cached_property
    def _languages(self) -> tuple[str, ...]:
        return tuple(self._rows["language"].unique().sort())

    def languages(self) -> tuple[str, ...]:
        """Codes of all languages in the file, sorted."""
        return self._languages

    def digest(self, language: str) -> str:
        """SHA-256 over the frames that ``read`` returns, independent of other languages."""
        digest = hashlib.sha256()
        facts, _ = self._facts_and_line_count(language)
        for field in fields(facts):
            frame: pl.DataFrame = getattr(facts, field.name)
            digest.update(frame.write_csv().encode())
        return digest.hexdigest()

    def read(self, language: str) -> LanguageFacts:
        """Read one language."""
        facts, line_count = self._facts_and_line_count(language)
        check_rejected_rate(language, line_count, facts.rejected_rows, self._max_rejected_rate)
        return facts

    def _facts_and_line_count(self, language: str) -> tuple[LanguageFacts, int]:
        require_language(language, self._languages, self._path)
        if language not in self._sifted:
            self._sifted[language] = self._sift(language)
        return self._sifted[language]

    def _sift(self, language: str) -> tuple[LanguageFacts, int]:
        template = normal_column(pl.col("template"))
        rows = self._rows.filter(pl.col("language") == language).with_columns(
            reason=pl.coalesce("reason", template_problem(template))
        )
        good = pl.col("reason").is_null() & (pl.col("relation") != "")
        templates = rows.filter(good).unique("relation", keep="first", maintain_order=True)
        rows = rows.join(
            templates.select("relation", first_template="template", first_line="line_number"),
            on="relation",
            how="left",
            maintain_order="left",
        ).with_columns(
            reason=pl.coalesce(
                "reason",
                pl.when(normal_column(pl.col("first_template")) != template).then(
                    pl.format("template differs from that of line {}", "first_line")
                ),
            )
        )
        file = pl.lit(self._path.name).alias("source_file")
        names = {"relation": "relation_id", "subject": "subject_label", "object": "object_label"}
        lines = FactLines(
            language,
            templates.rename(names).select(file, *_columns(TEMPLATE_LINE)),
            rows.rename(names).select(file, *_columns(FACT_LINE)),
            {self._path.name: self._lines},
        )
        return sift(lines), rows.height


def _columns(schema: pl.Schema) -> list[str]:
    return [name for name in schema.names() if name != "source_file"]


def _check_columns(found: Sequence[str], path: Path) -> None:
    if problems := header_problems(found, _REQUIRED, _OPTIONAL):
        listed = "".join(f"  {problem}\n" for problem in problems)
        raise FactsError(
            f"{path} does not have the columns of a fact table:\n{listed}"
            f"Required: {', '.join(_REQUIRED)}. Optional: {', '.join(_OPTIONAL)}."
        )


def _read_csv(path: Path, content: bytes) -> tuple[pl.DataFrame, Sequence[bytes]]:
    """Rows with line numbers. One line is one row, so a stray quote breaks only its own row."""
    lines = lines_of(content)
    header = csv_header(path, lines)
    _check_columns(header, path)
    rows: list[tuple[object, ...]] = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        values, reason = csv_values(line, len(header))
        rows.append((number, reason, *values))
    # A line break in a label makes a row of its second half: it begins with no language.
    place = 2 + header.index("language")
    known = {row[place] for row in rows if row[1] is None}
    rows = [
        row if row[1] is None or row[place] in known else (*row[:place], None, *row[place + 1 :])
        for row in rows
    ]
    schema = {"line_number": pl.Int32, "reason": pl.String, **dict.fromkeys(header, pl.String)}
    return _complete(pl.DataFrame(rows, schema, orient="row")), lines


def _read_parquet(path: Path, content: bytes) -> tuple[pl.DataFrame, Sequence[bytes]]:
    """Rows numbered from 1, and each row as JSON text for ``rejected_rows``."""
    try:
        schema = pq.read_schema(io.BytesIO(content))
        _check_columns(schema.names, path)
        # Before polars reads the file: it panics at a time zone that it does not know.
        no_text = [f"{each.name} ({each.type})" for each in schema if not is_text_type(each.type)]
        if no_text:
            raise FactsError(f"{path}: these columns are not text: {', '.join(no_text)}.")
        # Bytes, not the path: polars would take '[' and '*' in it as a pattern.
        frame = pl.read_parquet(content).cast(pl.String)
    except (OSError, pa.ArrowException, PolarsError) as error:
        raise FactsError(f"{path} is not a complete Parquet file: {first_line(error)}.") from error
    lines = [json.dumps(row, ensure_ascii=False).encode() for row in frame.iter_rows(named=True)]
    numbered = frame.with_columns(
        line_number=pl.int_range(1, pl.len() + 1, dtype=pl.Int32), reason=pl.lit(None, pl.String)
    )
    return _complete(numbered), lines


def _complete(rows: pl.DataFrame) -> pl.DataFrame:
    """Add missing columns; missing or blank identifiers are null, missing labels are empty.

    Identifiers are in normal form, so that a blank behind one does not make another fact.
    """
    absent = [pl.lit(None, pl.String).alias(n) for n in _OPTIONAL if n not in rows.columns]
    names = ["relation", *_OPTIONAL]
    rows = rows.with_columns(absent).with_columns(pl.col(_REQUIRED).fill_null(""))
    return rows.with_columns(normal_column(pl.col(names))).with_columns(
        pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in _OPTIONAL
    )


def _with_languages(rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Strip language codes; a row without one is rejected under the code of a neighbouring row."""
    code = normal_column(pl.col("language"))
    known = pl.when(code != "").then(code)
    rows = rows.with_columns(
        reason=pl.coalesce("reason", pl.when(code == "").then(pl.lit("language is empty"))),
        language=known.forward_fill().backward_fill(),
    )
    if rows["language"].null_count() == rows.height:
        first = f" Its first row: {rows['reason'][0]}." if rows.height else ""
        raise FactsError(f"{path} has no row with a language.{first}")
    return rows


def _with_identifiers(rows: pl.DataFrame) -> pl.DataFrame:
    """Derive the missing identifiers (see the module's docstring)."""
    has_fact_id = pl.col("fact_id").is_not_null()
    has_entities = pl.col("subject_id").is_not_null() & pl.col("object_id").is_not_null()
    derived_fact = _derived(
        "fact-",
        pl.when(has_entities)
        .then(_key("relation", "subject_id", "object_id"))
        .otherwise(_key("language", "relation", *_labels("subject", "object"))),
        where=~has_fact_id,
    )
    return rows.with_columns(
        *(
            pl.coalesce(
                pl.col(identifier),
                pl.when(has_fact_id).then(pl.col(identifier).drop_nulls().first().over("fact_id")),
                _derived("label-", _anchor_key(label), where=pl.col(identifier).is_null()),
            ).alias(identifier)
            for label, identifier in (("subject", "subject_id"), ("object", "object_id"))
        ),
        fact_id=pl.coalesce("fact_id", derived_fact),
    )


def _anchor_key(label: str) -> pl.Expr:
    """Key of the row's own label; with a fact_id, of the English or first language's label."""
    own = _key("relation", "language", *_labels(label))
    order = [
        normal_column(pl.col(label)) == "",
        pl.col("language") != "en",
        pl.col("language"),
        pl.col("line_number"),
    ]
    shared = own.sort_by(order).first().over("fact_id")
    return pl.when(pl.col("fact_id").is_not_null()).then(shared).otherwise(own)


def _labels(*columns: str) -> list[pl.Expr]:
    return [normal_column(pl.col(column)) for column in columns]


def _key(*columns: str | pl.Expr) -> pl.Expr:
    return pl.concat_str(list(columns), separator="\0")


def _derived(prefix: str, key: pl.Expr, where: pl.Expr) -> pl.Expr:
    def identifier(text: str) -> str:
        return prefix + hashlib.sha256(text.encode()).hexdigest()[:16]

    return pl.when(where).then(key).map_elements(identifier, return_dtype=pl.String)
