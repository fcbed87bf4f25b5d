"""Imports: files with predictions, neurons or counts of presence that somebody else made.

What belongs here: reading such a file, its columns, which of its rows are rejected and why, and the
rows of the lake that follow. What does not: whose file it is (``dagster_project.study``). Columns
have the names of the lake contract; docs/facts-and-corpora.md#results-of-others lists them.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from polars.exceptions import PolarsError

from ingestion.contract import CODES, LAKE
from ingestion.errors import FactrootsError, first_line
from ingestion.import_kinds import ImportKind
from ingestion.restricted import read_bytes
from ingestion.text import did_you_mean, normal_column

__all__ = ["ImportedFile", "ImportsError", "read_import"]

_IDS = ("relation_id", "subject_id", "object_id")
"""Columns that name a fact where the file has no ``fact_id``."""
_TOKENS = pl.List(pl.Int32)
_LOWEST = {"mask_count": 1, "gold_rank": 1, "neuron_rank": 1}
"""Lowest value of a whole number, 0 where nothing is said."""


class ImportsError(FactrootsError, ValueError):
    """A file cannot be imported; says what is wrong with it, where, and what to do."""


@dataclass(frozen=True)
class _Layout:
    """Columns of one kind of file, in addition to language and fact."""

    table: str
    """Lake table whose types its columns have."""
    required: tuple[str, ...]
    """Columns that the file must have."""
    optional: tuple[str, ...]
    """Columns that it can have; without them, their values are null or follow from the others."""
    key: tuple[str, ...]
    """Columns that tell the rows of a fact apart."""
    defaults: Mapping[str, str]
    """Values of columns that the file lacks."""


_LAYOUTS = (
    _Layout(
        "predictions",
        ("predicted_text",),
        (
            "mask_count", "prompt_code", "gold_token_ids", "predicted_token_ids", "gold_log_prob",
            "gold_rank", "candidate_token_ids", "candidate_log_probs",
        ),
        ("mask_count",),
        {},
    ),
    _Layout(
        "active_neurons",
        ("layer_index", "neuron_index"),
        ("neuron_rank", "neuron_score", "method_code"),
        ("method_code", "layer_index", "neuron_index"),
        {"method_code": "probeless"},
    ),
    _Layout(
        "knowledge_neurons",
        ("layer_index", "neuron_index", "mode_code"),
        ("neuron_rank", "attribution_score"),
        ("mode_code", "layer_index", "neuron_index"),
        {},
    ),
    _Layout(
        "occurrences",
        ("shared_count",),
        (
            "text_unit", "subject_count", "object_count", "separate_count", "evidence_document",
            "evidence_offset", "evidence_distance", "evidence_text",
        ),
        ("text_unit",),
        {"text_unit": "article"},
    ),
)  # fmt: skip


@dataclass(frozen=True)
class ImportedFile:
    """A file that was read: its sound rows, and why the others are rejected."""

    path: Path
    """The file."""
    sha256: str
    """Hash of its content, 64 hex digits."""
    step: str
    """Step whose rows it has: 'predictions', 'active_neurons', 'knowledge_neurons' or
    'occurrences'."""
    rows: pl.DataFrame
    """Sound rows: ``language_code``, what names the fact, and the columns of the lake table."""
    rejected: tuple[tuple[int, str], ...]
    """Line (row of a Parquet file, from 1) and reason of each rejected row."""
    unread: tuple[str, ...]
    """Columns that nothing reads."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of its sound rows, sorted."""
        return tuple(self.rows["language_code"].unique().sort())

    def about(self, language: str, facts: pl.DataFrame) -> pl.DataFrame:
        """Its rows about these facts, with ``fact_id``; arguments as of ``of_language``."""
        own = self.rows.filter(pl.col("language_code") == language)
        if "fact_id" in own.columns:
            return own.join(facts.select("fact_id"), on="fact_id", how="semi")
        return own.join(facts.select("fact_id", *_IDS), on=list(_IDS))

    def of_language(self, language: str, facts: pl.DataFrame) -> pl.DataFrame:
        """Its rows about facts of a language, as rows of the lake table.

        Args:
            language: Wikipedia code.
            facts: columns ``fact_id, relation_id, subject_id, object_id``: facts of the language.

        Returns:
            The columns of the lake table without model, corpus and language, sorted by key.
            Rows about other facts are left out.
        """
        own = self.about(language, facts)
        complete = {"predictions": _predictions, "occurrences": _occurrences}.get(
            self.step, _ranked
        )
        schema = pl.Schema(LAKE[self.step].schema)
        kept = [name for name in schema if name not in LAKE[self.step].partition_by]
        lacking = [pl.lit(None, schema[name]).alias(name) for name in kept if name not in own]
        rows = complete(own.with_columns(lacking), facts).select(kept)
        key = [name for name in LAKE[self.step].key if name in kept]
        return rows.cast({name: schema[name] for name in kept}).sort(key)


def read_import(
    path: Path, kind: ImportKind, within: Path | None = None, max_rejected_rate: float = 1
) -> ImportedFile:
    """Read a CSV, JSON lines or Parquet file with results that somebody else made.

    Args:
        path: the file; its name ends in .csv, .jsonl or .parquet.
        kind: what it has.
        within: folder of a restricted study, which it must lie in.
        max_rejected_rate: largest share of its rows that may be rejected.

    Raises:
        ImportsError: it cannot be read, lacks a column, has no sound row, or too many that are
            rejected; says what to do.
        RestrictedError: it lies elsewhere.
    """
    try:
        content = read_bytes(path, within)
    except OSError as error:
        raise ImportsError(f"cannot read {path}: {error.strerror or error}") from error
    found = _read(path, kind, hashlib.sha256(content).hexdigest(), _Content(content))
    if len(found.rejected) > max_rejected_rate * (len(found.rejected) + found.rows.height):
        shown = "; ".join(f"line {line}: {reason}" for line, reason in found.rejected[:5])
        raise ImportsError(
            f"{path}: {len(found.rejected):,} of {len(found.rejected) + found.rows.height:,} rows "
            f"are rejected, more than facts.max_rejected_rate ({max_rejected_rate:g}). {shown}"
        )
    return found


class _Content:
    """Bytes of a file that are no part of the key of a cache: their hash is."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content)


@lru_cache(maxsize=4)
def _read(path: Path, kind: ImportKind, sha256: str, content: _Content) -> ImportedFile:
    raw, broken = _raw(path, content.content)
    step = _step(kind, raw.columns)
    (layout,) = (each for each in _LAYOUTS if each.table == step)
    names = _check_columns(raw.columns, path, layout)
    rows, wrong = _typed(raw, names, layout)
    whose = ["language_code", *(["fact_id"] if "fact_id" in names else _IDS)]
    key = [*whose, *(name for name in layout.key if name in rows.columns)]
    first = rows.group_by(key, maintain_order=True).agg(pl.first("line_number").alias("first_line"))
    twice = (
        rows.join(first, on=key, nulls_equal=True)
        .filter(pl.col("line_number") != pl.col("first_line"))
        .select(
            "line_number",
            pl.format("has the same {} as line {}", pl.lit(", ".join(key)), "first_line"),
        )
    )
    rows = rows.join(twice, on="line_number", how="anti")
    rejected = tuple(sorted([*broken, *wrong, *twice.iter_rows()]))
    if rows.is_empty():
        why = f"; line {rejected[0][0]}: {rejected[0][1]}" if rejected else ""
        raise ImportsError(f"{path} has no sound row{why}. It needs {_needs(layout)}.")
    tokens = ("gold_token_ids", "predicted_token_ids")
    if any(name in rows.columns and rows[name].null_count() for name in tokens):
        # Half of the answers by tokens and half by text would be two measures in one rate.
        rows = rows.drop(tokens, strict=False)
    unread = tuple(name for name in raw.columns if name not in (*names, "line_number", "model_id"))
    return ImportedFile(path, sha256, step, rows.drop("line_number"), rejected, unread)


def _step(kind: ImportKind, columns: Sequence[str]) -> str:
    """The step whose rows a file has; a file of neurons says by its columns by which method."""
    if kind == "neurons":
        return "knowledge_neurons" if "mode_code" in columns else "active_neurons"
    return {"predictions": "predictions", "presence": "occurrences"}[kind]


def _needs(layout: _Layout) -> str:
    return (
        f"the columns language_code, fact_id (or {', '.join(_IDS)}), "
        f"{', '.join(layout.required)}; it can have {', '.join(layout.optional)}"
    )


def _check_columns(found: Sequence[str], path: Path, layout: _Layout) -> list[str]:
    """Columns to read.

    Raises:
        ImportsError: a required one is missing, or one is there twice.
    """
    whose = ["fact_id"] if "fact_id" in found or not set(_IDS) & set(found) else [*_IDS]
    required = ["language_code", *whose, *layout.required]
    known = (*required, *layout.optional)
    missing = [name for name in required if name not in found]
    if missing:
        others = [name for name in found if name not in (*known, "line_number")]
        hints = [f"{name!r}{did_you_mean(name, missing)}" for name in others]
        unknown = f" It has columns that nothing reads: {', '.join(hints)}." if hints else ""
        raise ImportsError(
            f"{path} has no column {', '.join(missing)}.{unknown} It needs {_needs(layout)}."
        )
    return [name for name in dict.fromkeys(known) if name in found]


def _raw(path: Path, content: bytes) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Rows as they stand in the file, with ``line_number``, and lines that are no rows.

    Raises:
        ImportsError: it is no such file, or has the results of several models.
    """
    readers: dict[str, Callable[[bytes], tuple[pl.DataFrame, list[tuple[int, str]]]]] = {
        ".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet,
    }  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ImportsError(f"{path} ends in none of {', '.join(readers)}: save it as one of these")
    try:
        rows, broken = reader(content)
    except (PolarsError, UnicodeDecodeError, csv.Error, TypeError) as error:
        raise ImportsError(
            f"{path} cannot be read as {path.suffix}: {first_line(error)}"
        ) from error
    repeated = sorted({name for name in rows.columns if rows.columns.count(name) > 1})
    if repeated:
        raise ImportsError(f"{path} has the column {repeated[0]!r} twice: leave one out")
    if "model_id" in rows.columns and rows["model_id"].n_unique() > 1:
        models = ", ".join(map(str, rows["model_id"].unique().sort().head(5)))
        raise ImportsError(
            f"{path} has rows of several models ({models}): write a file for each, and import each "
            "under its own id"
        )
    return rows, broken


def _csv(content: bytes) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    header = next(reader, [])
    repeated = {name for name in header if header.count(name) > 1}
    if repeated:
        raise csv.Error(f"the header has {sorted(repeated)[0]!r} twice")
    rows: list[tuple[object, ...]] = []
    broken: list[tuple[int, str]] = []
    line = reader.line_num
    for values in reader:
        line, begins = reader.line_num, line + 1
        if len(values) == len(header):
            rows.append((begins, *values))
        elif values:
            broken.append((begins, f"{len(values)} fields instead of {len(header)}"))
    schema = {"line_number": pl.Int64, **dict.fromkeys(header, pl.String)}
    return pl.DataFrame(rows, schema, orient="row"), broken


def _json_lines(content: bytes) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    rows: list[dict[str, Any]] = []
    broken: list[tuple[int, str]] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            broken.append((number, f"no JSON: {first_line(error)}"))
            continue
        if isinstance(row, dict):
            rows.append({**row, "line_number": number})
        else:
            broken.append((number, "no JSON object"))
    names = dict.fromkeys(name for row in rows for name in row)
    # As text: columns are read one by one, and a column may have values of several types.
    columns = {
        name: [_as_text(row.get(name)) for row in rows] for name in names if name != "line_number"
    }
    numbers = pl.Series("line_number", [row["line_number"] for row in rows], pl.Int64)
    return pl.DataFrame(columns, dict.fromkeys(columns, pl.String)).with_columns(numbers), broken


def _as_text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def _parquet(content: bytes) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    rows = pl.read_parquet(content)
    if "line_number" in rows.columns:
        rows = rows.drop("line_number")
    return rows.with_row_index("line_number", offset=1), []


def _typed(
    raw: pl.DataFrame, names: Sequence[str], layout: _Layout
) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Sound rows with the types of the lake, and line and reason of the others."""
    types = pl.Schema(LAKE[layout.table].schema)
    needed = {"language_code", "fact_id", *_IDS, *layout.required}
    rows = raw.select("line_number")
    reasons: dict[int, str] = {}
    for name in names:
        values, is_wrong = _column(raw[name], types.get(name, pl.String()), name)
        for row in is_wrong.arg_true().to_list():
            shown = str(raw[name][row])[:60]
            reasons.setdefault(row, f"{name} is '{shown}'; it is {_expected(name, types)}")
        for row in values.is_null().arg_true().to_list() if name in needed else ():
            remedy = "; write an empty text where there is no answer" * (name == "predicted_text")
            reasons.setdefault(row, f"{name} is empty{remedy}")
        rows = rows.with_columns(values.alias(name))
    rows = rows.with_columns(
        [pl.lit(value).alias(name) for name, value in layout.defaults.items() if name not in names]
    )
    lines = raw["line_number"]
    is_sound = ~pl.Series(range(raw.height)).is_in(list(reasons))
    return rows.filter(is_sound), [(lines[row], reasons[row]) for row in sorted(reasons)]


def _column(values: pl.Series, kind: pl.DataType, name: str) -> tuple[pl.Series, pl.Series]:
    """Values of a column in its type, and which of them cannot have it or are out of range."""
    is_given = values.is_not_null()
    if kind == pl.String:
        text = values.cast(pl.String, strict=False)
        if name in CODES:
            found = text.replace("", None)
            return found, found.is_not_null() & ~found.is_in(CODES[name])
        if name == "predicted_text" or name.startswith("evidence"):
            return text, is_given & text.is_null()
        found = pl.select(normal_column(pl.lit(text))).to_series().replace("", None)
        return found, is_given & text.is_null()
    if values.dtype == pl.String:
        values = values.replace("", None)
        is_given = values.is_not_null()
    if isinstance(kind, pl.List):
        found = _lists(values, kind)
        return found, is_given & found.is_null()
    number = values.cast(pl.Float64, strict=False)
    is_sound = number.is_finite()
    if kind.is_integer():
        is_sound &= (number == number.floor()) & (number >= _LOWEST.get(name, 0))
        is_sound &= number < 2.0**31
    if name.endswith("log_prob"):
        is_sound &= number <= 1e-4
    is_sound = is_sound.fill_null(value=False)
    found = number.zip_with(
        is_sound, pl.Series([None], dtype=pl.Float64).new_from_index(0, len(number))
    )
    return found.cast(kind), is_given & ~is_sound


def _lists(values: pl.Series, kind: pl.DataType) -> pl.Series:
    """Lists of a column; a text is read as JSON."""
    if values.dtype != pl.String:
        return values.cast(kind, strict=False)

    parsed = pl.Series(values.name, [_json_list(text) for text in values], kind, strict=False)
    # What is no number is null then, and so is its list.
    has_gaps = parsed.list.eval(pl.element().is_null()).list.any().fill_null(value=False)
    return parsed.zip_with(~has_gaps, parsed.clear(len(parsed)))


def _json_list(text: str | None) -> list[Any] | None:
    try:
        value = None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, list) else None


def _expected(name: str, types: pl.Schema) -> str:
    kind = types.get(name, pl.String())
    if name in CODES:
        return f"one of {', '.join(CODES[name])}"
    if isinstance(kind, pl.List):
        return "a list of numbers, in a text as JSON"
    if kind.is_integer():
        return f"a whole number from {_LOWEST.get(name, 0)}"
    return (
        "a logarithm, at most 0"
        if name.endswith("log_prob")
        else "a number"
        if kind.is_numeric()
        else "text"
    )


def _predictions(own: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Answers, and a row for each fact of the language that the file has no answer to."""
    has_tokens = pl.col("predicted_token_ids").is_not_null()
    answers = own.with_columns(
        # Without tokens, the text is compared with the object's label, which is in normal form.
        predicted_text=pl.when(has_tokens)
        .then("predicted_text")
        .otherwise(normal_column(pl.col("predicted_text"))),
        mask_count=pl.coalesce(
            "mask_count", pl.col("predicted_token_ids").list.len().replace(0, None)
        ),
    )
    others = facts.select("fact_id").join(answers, on="fact_id", how="anti")
    without = others.with_columns(prompt_code=pl.lit("unasked"), predicted_text=pl.lit(""))
    if answers["predicted_token_ids"].null_count() == 0:
        without = without.with_columns(predicted_token_ids=pl.lit([], dtype=_TOKENS))
    return pl.concat([answers, without], how="diagonal_relaxed")


def _occurrences(own: pl.DataFrame, _facts: pl.DataFrame) -> pl.DataFrame:
    return own


def _ranked(own: pl.DataFrame, _facts: pl.DataFrame) -> pl.DataFrame:
    """Neurons in the order of their ranks, else of their scores, else of the file."""
    is_attributed = "mode_code" in own.columns
    code, score = (
        ("mode_code", "attribution_score") if is_attributed else ("method_code", "neuron_score")
    )
    own = own.sort(
        "neuron_rank", score, descending=[False, True], nulls_last=True, maintain_order=True
    )
    return own.with_columns(neuron_rank=pl.int_range(1, pl.len() + 1).over("fact_id", code))
