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
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from ingestion.contract import CODES, LAKE
from ingestion.errors import FactrootsError, first_line, is_of_input
from ingestion.import_kinds import ImportKind
from ingestion.restricted import read_bytes
from ingestion.text import did_you_mean, normal_column

__all__ = ["ImportedFile", "ImportsError", "neurons_of_model", "read_import"]

_IDS = ("relation_id", "subject_id", "object_id")
"""Columns that name a fact where the file has no ``fact_id``."""
_TOKENS = pl.List(pl.Int32)
_LOWEST = {"mask_count": 1, "gold_rank": 1, "neuron_rank": 1, "neuron_score": 0}
"""Lowest value of a number; whole numbers are at least 0 where nothing is said."""
_LARGEST = {"layer_index": 2**11 - 1, "neuron_index": 2**20 - 1, "neuron_score": 1e9 - 1}
"""Largest value of a number that the marts can hold; other whole numbers have 32 bits."""
_LARGEST_LOG_PROB = 1e-4
"""Rounding can make the log-probability of a certain answer slightly greater than 0."""
_LARGEST_FLOAT = 3.4e38
"""A number beyond it is infinite in 32 bits."""
_CANDIDATES = ("candidate_token_ids", "candidate_log_probs")
_EVIDENCE = ("evidence_document", "evidence_offset", "evidence_distance", "evidence_text")


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
    """Values of columns that the file lacks, or leaves empty."""


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

_TEXTS = {"language_code", "fact_id", *_IDS} | {
    name
    for layout in _LAYOUTS
    for name, kind in pl.Schema(LAKE[layout.table].schema).items()
    if kind == pl.String
}
"""Columns that are text. They can have whole numbers as well: other numbers would be rounded."""


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
    """Sound rows: ``line_number``, ``language_code``, what names the fact, and the columns of the
    lake table."""
    rejected: tuple[tuple[int, str], ...]
    """Line (row of a Parquet file, from 1) and reason of each rejected row."""
    unread: tuple[str, ...]
    """Columns that nothing reads, some with the reason."""

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
    return _with_few_rejected(found, max_rejected_rate)


def neurons_of_model(
    file: ImportedFile,
    layer_count: int,
    neuron_count: int,
    hidden_size: int,
    max_rejected_rate: float = 1,
) -> ImportedFile:
    """Reject the rows of a file of neurons that name a neuron which the model does not have.

    Args:
        file: the file.
        layer_count: layers of the model.
        neuron_count: FFN neurons of a layer.
        hidden_size: outputs of a layer, which the methods ``probeless-layer…`` rank.
        max_rejected_rate: largest share of its rows that may be rejected.

    Raises:
        ImportsError: no row is left, or too many are rejected; says what to do.
    """
    method = pl.col("method_code") if "method_code" in file.rows.columns else pl.lit("")
    is_output = method.str.starts_with("probeless-layer")
    width = pl.when(is_output).then(hidden_size).otherwise(neuron_count)
    sizes = f"{layer_count:,} layers of {neuron_count:,} neurons and {hidden_size:,} outputs"
    problem = f"is beyond the model, which has {sizes}, counted from 0"
    wrong = {
        f"layer_index {problem}": pl.col("layer_index") >= layer_count,
        f"neuron_index {problem}": pl.col("neuron_index") >= width,
    }
    rows, beyond = _split(file.rows, wrong)
    rejected = tuple(sorted([*file.rejected, *beyond]))
    if rows.is_empty():
        raise ImportsError(
            f"{file.path} has no neuron of this model; line {rejected[0][0]}: {rejected[0][1]}. "
            "Name the model that the file is about."
        )
    return _with_few_rejected(replace(file, rows=rows, rejected=rejected), max_rejected_rate)


def _with_few_rejected(found: ImportedFile, max_rejected_rate: float) -> ImportedFile:
    """The file.

    Raises:
        ImportsError: more of its rows are rejected than may be; shows some.
    """
    row_count = len(found.rejected) + found.rows.height
    if len(found.rejected) > max_rejected_rate * row_count:
        shown = "; ".join(f"line {line}: {reason}" for line, reason in found.rejected[:5])
        raise ImportsError(
            f"{found.path}: {len(found.rejected):,} of {row_count:,} rows are rejected, more than "
            f"facts.max_rejected_rate ({max_rejected_rate:g}). {shown}"
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
    if broken and raw.is_empty():
        raise ImportsError(_without_rows(path, layout, broken))
    names = _check_columns(raw.columns, path, layout)
    rows, wrong = _typed(raw, names, layout)
    types = pl.Schema(LAKE[step].schema)
    lacking = [name for name in layout.optional if name not in rows.columns]
    rows = rows.with_columns(pl.lit(None, types[name]).alias(name) for name in lacking)
    dropped: list[str] = []
    if step == "predictions":
        rows, dropped = _with_tokens_of_all(rows, names)
    elif step == "occurrences":
        # CSV has no other way to leave out a passage; a title can be empty.
        rows = rows.with_columns(
            evidence_document=pl.when(
                pl.col("evidence_text").is_not_null() | (pl.col("evidence_document") != "")
            ).then("evidence_document")
        )
    rows, odd = _split(rows, _contradictions(step))
    whose = ["language_code", *(["fact_id"] if "fact_id" in names else _IDS)]
    key = [*whose, *(n for n in layout.key if n in (*names, *layout.defaults))]
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
    rejected = tuple(sorted([*broken, *wrong, *odd, *twice.iter_rows()]))
    if rows.is_empty():
        raise ImportsError(_without_rows(path, layout, rejected))
    read = {*names, "line_number", "model_id"}
    unread = tuple(name for name in raw.columns if name not in read) + tuple(dropped)
    return ImportedFile(path, sha256, step, rows, rejected, unread)


def _with_tokens_of_all(rows: pl.DataFrame, names: Sequence[str]) -> tuple[pl.DataFrame, list[str]]:
    """Rows with tokens if each has them, else without, and which of its columns are dropped.

    Half of the answers by tokens and half by text would be two measures in one rate. A list without
    tokens next to an answer says nothing.
    """
    tokens = ("gold_token_ids", "predicted_token_ids")
    is_asked = pl.col("prompt_code").ne_missing("unasked")
    is_answered = is_asked & (pl.col("predicted_text").str.strip_chars() != "")
    rows = rows.with_columns(
        pl.when(is_empty & (pl.col(name).list.len() == 0)).then(None).otherwise(name).alias(name)
        for name, is_empty in (
            ("predicted_token_ids", is_answered), *((name, is_asked) for name in _CANDIDATES),
        )
    )  # fmt: skip
    has_gold = bool((rows["gold_token_ids"].list.len() > 0).any())
    if rows.is_empty() or (has_gold and not any(rows[name].null_count() for name in tokens)):
        size = pl.col("predicted_token_ids").list.len().replace(0, None)
        return rows.with_columns(mask_count=pl.coalesce("mask_count", size)), []
    nothing = [pl.lit(None, _TOKENS).alias(name) for name in tokens]
    why = "not every row has gold and predicted tokens, so texts are compared"
    return rows.with_columns(nothing), [f"{name} ({why})" for name in tokens if name in names]


def _contradictions(table: str) -> dict[str, pl.Expr]:
    """What can be wrong between the columns of a row → where it is; null counts as right.

    They are the rules of the lake's checks, which stop a run: tests hold both together.
    """
    if table == "predictions":
        size = pl.when(pl.col("prompt_code") == "unasked").then(0).otherwise("mask_count")
        lists = ("predicted_token_ids", *_CANDIDATES)
        said = "is not as long as mask_count says (empty where prompt_code is 'unasked')"
        return {f"{name} {said}": pl.col(name).list.len() != size for name in lists}
    if table == "occurrences":
        parts = (
            ("shared_count", "subject_count"),
            ("shared_count", "object_count"),
            ("separate_count", "shared_count"),
        )
        lacks = [pl.col(name).is_null() for name in _EVIDENCE]
        return {
            **{f"{a} is greater than {b}": pl.col(a) > pl.col(b) for a, b in parts},
            "it has evidence_text, and shared_count is 0": pl.col("evidence_text").is_not_null()
            & (pl.col("shared_count") == 0),
            f"it has some of {', '.join(_EVIDENCE)}, and not all": pl.any_horizontal(lacks)
            & ~pl.all_horizontal(lacks),
        }
    return {}


def _split(
    rows: pl.DataFrame, wrong: Mapping[str, pl.Expr]
) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Sound rows, and line and first reason of the others."""
    reason = pl.coalesce(
        pl.lit(None, pl.String), *(pl.when(at).then(pl.lit(why)) for why, at in wrong.items())
    )
    reasons = rows.select("line_number", reason.alias("reason"))
    return rows.filter(reasons["reason"].is_null()), reasons.drop_nulls().rows()


def _step(kind: ImportKind, columns: Sequence[str]) -> str:
    """The step whose rows a file has; a file of neurons says by its columns by which method."""
    if kind == "neurons":
        return "knowledge_neurons" if "mode_code" in columns else "active_neurons"
    return {"predictions": "predictions", "presence": "occurrences"}[kind]


def _without_rows(path: Path, layout: _Layout, rejected: Sequence[tuple[int, str]]) -> str:
    why = f"; line {rejected[0][0]}: {rejected[0][1]}" if rejected else ""
    return f"{path} has no sound row{why}. It needs {_needs(layout)}."


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
    except BaseException as error:
        # Polars panics at some damaged files, which is no exception.
        if not is_of_input(error):
            raise
        raise ImportsError(
            f"{path} cannot be read as {path.suffix}: {first_line(error)}"
        ) from error
    repeated = sorted({name for name in rows.columns if rows.columns.count(name) > 1})
    if repeated:
        raise ImportsError(f"{path} has the column {repeated[0]!r} twice: leave one out")
    owners = set(map(_shown, rows["model_id"])) if "model_id" in rows.columns else set()
    if len(owners) > 1:
        models = ", ".join(sorted(owners)[:5])
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
    kept = [place for place, name in enumerate(header) if name != "line_number"]
    rows: list[tuple[object, ...]] = []
    broken: list[tuple[int, str]] = []
    line = reader.line_num
    for values in reader:
        line, begins = reader.line_num, line + 1
        if len(values) == len(header):
            rows.append((begins, *(values[place] for place in kept)))
        elif values:
            broken.append((begins, f"{len(values)} fields instead of {len(header)}"))
    schema = {"line_number": pl.Int64, **{header[place]: pl.String for place in kept}}
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
        if not isinstance(row, dict):
            broken.append((number, "no JSON object"))
            continue
        wrong = [n for n in row if n in _TEXTS and not _is_text(row[n])]
        if wrong:
            shown = _shown(_as_text(row[wrong[0]]))
            broken.append((number, f"{wrong[0]} is '{shown}'; it is {_A_TEXT}"))
        else:
            rows.append({**row, "line_number": number})
    names = dict.fromkeys(name for row in rows for name in row)
    # As text: columns are read one by one, and a column may have values of several types.
    columns = {
        name: [_as_text(row.get(name)) for row in rows] for name in names if name != "line_number"
    }
    numbers = pl.Series("line_number", [row["line_number"] for row in rows], pl.Int64)
    return pl.DataFrame(columns, dict.fromkeys(columns, pl.String)).with_columns(numbers), broken


def _is_text(value: object) -> bool:
    return isinstance(value, str | int | None) and not isinstance(value, bool)


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
            shown = _shown(raw[name][row])
            reasons.setdefault(row, f"{name} is '{shown}'; it is {_expected(name, types)}")
        for row in values.is_null().arg_true().to_list() if name in needed else ():
            remedy = "; write an empty text where there is no answer" * (name == "predicted_text")
            reasons.setdefault(row, f"{name} is empty{remedy}")
        rows = rows.with_columns(values.alias(name))
    rows = rows.with_columns(
        (pl.col(name).fill_null(value) if name in names else pl.lit(value)).alias(name)
        for name, value in layout.defaults.items()
    )
    lines = raw["line_number"]
    is_sound = ~pl.Series(range(raw.height)).is_in(list(reasons))
    return rows.filter(is_sound), [(lines[row], reasons[row]) for row in sorted(reasons)]


def _column(values: pl.Series, kind: pl.DataType, name: str) -> tuple[pl.Series, pl.Series]:
    """Values of a column in its type, and which of them cannot have it or are out of range."""
    is_given = values.is_not_null()
    if isinstance(values.dtype, pl.Categorical | pl.Enum):
        values = values.cast(pl.String)
    elif values.dtype == pl.Binary:
        values = pl.Series(values.name, [_decoded(value) for value in values], pl.String)
    if kind == pl.String:
        is_text = values.dtype == pl.String or values.dtype.is_integer()
        text = values.cast(pl.String) if is_text else _nothing(values, pl.String())
        is_wrong = is_given & text.is_null()
        if name == "predicted_text" or name == "evidence_document":
            return text, is_wrong
        if name not in (*CODES, "evidence_text"):
            text = pl.select(normal_column(pl.lit(text))).to_series()
        found = text.replace("", None)
        if name in CODES:
            is_wrong |= found.is_not_null() & ~found.is_in(CODES[name])
        return found, is_wrong
    if values.dtype == pl.String:
        is_given &= values.ne_missing("")
    if isinstance(kind, pl.List):
        found = _lists(values, kind)
        return found, is_given & found.is_null()
    is_number = values.dtype == pl.String or values.dtype.is_numeric()
    number = values.cast(pl.Float64, strict=False) if is_number else _nothing(values, pl.Float64())
    least, largest = _bounds(name, kind)
    is_sound = number.is_between(least, largest).fill_null(value=False)
    if kind.is_integer():
        is_sound &= (number == number.floor()).fill_null(value=False)
    return number.zip_with(is_sound, _nothing(number, number.dtype)).cast(kind), (
        is_given & ~is_sound
    )


def _nothing(values: pl.Series, kind: pl.DataType) -> pl.Series:
    """As many nulls of a type."""
    return pl.Series(values.name, [None], kind).new_from_index(0, len(values))


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _bounds(name: str, kind: pl.DataType) -> tuple[float, float]:
    """Lowest and highest value of a number."""
    if kind.is_integer():
        return _LOWEST.get(name, 0), _LARGEST.get(name, 2**31 - 1)
    largest = _LARGEST_LOG_PROB if "log_prob" in name else _LARGEST_FLOAT
    return _LOWEST.get(name, -_LARGEST_FLOAT), _LARGEST.get(name, largest)


def _lists(values: pl.Series, kind: pl.List) -> pl.Series:
    """Lists of a column, null where a value is no such list; a text is read as JSON."""
    least, largest = _bounds(values.name, _innermost(kind))
    is_whole = _innermost(kind).is_integer()

    def are_items(values: pl.Expr, kind: Any) -> pl.Expr:
        if isinstance(kind, pl.List):
            inner = values.list.eval(are_items(pl.element(), kind.inner)).list.all()
            return inner.fill_null(value=False)
        found = values.is_between(least, largest) & (not is_whole or values == values.floor())
        return found.fill_null(value=False)

    def is_item(value: Any, kind: Any) -> bool:
        if isinstance(kind, pl.List):
            return isinstance(value, list) and all(is_item(each, kind.inner) for each in value)
        # Not isinstance: a truth value is a whole number of Python.
        is_number = type(value) is int or type(value) is float
        return is_number and least <= value <= largest and not (is_whole and value % 1)

    innermost = _innermost(values.dtype)
    if innermost.is_numeric() and _like(values.dtype, innermost) == _like(kind, innermost):
        is_sound = pl.select(are_items(pl.lit(values), kind)).to_series()
        return values.zip_with(is_sound, _nothing(values, values.dtype)).cast(kind)
    found = [_json(value) for value in values] if values.dtype == pl.String else values.to_list()
    sound = [value if is_item(value, kind) else None for value in found]
    return pl.Series(values.name, sound, kind, strict=False)


def _innermost(kind: Any) -> Any:
    return _innermost(kind.inner) if isinstance(kind, pl.List) else kind


def _like(kind: Any, innermost: pl.DataType) -> Any:
    """A list of the same depth, of other items."""
    return pl.List(_like(kind.inner, innermost)) if isinstance(kind, pl.List) else innermost


def _json(text: str | None) -> Any:
    try:
        return None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _shown(value: object) -> str:
    """The beginning of a value, in one line."""
    value = value.to_list() if isinstance(value, pl.Series) else value
    return " ".join(str(value).split())[:60]


_A_TEXT = "text, or a whole number"


def _expected(name: str, types: pl.Schema) -> str:
    kind = types.get(name, pl.String())
    if name in CODES:
        return f"one of {', '.join(CODES[name])}"
    if kind == pl.String:
        return _A_TEXT
    number = _innermost(kind)
    of_what = "whole numbers" if number.is_integer() else "logarithms, at most 0"
    if kind == pl.List(_TOKENS) or kind == pl.List(pl.List(pl.Float32)):
        example = "[[7, 101]]" if number.is_integer() else "[[-0.1, -3.2]]"
        return f"a list of lists of {of_what}, one for each token, such as {example}"
    if isinstance(kind, pl.List):
        return f"a list of {of_what}, such as [101, 7]"
    least, largest = _bounds(name, kind)
    if kind.is_integer():
        return f"a whole number from {least} to {largest:,}"
    if "log_prob" in name:
        return "a logarithm, at most 0"
    return f"a number from {least} to {largest:,.0f}" if name in _LARGEST else "a number"


def _predictions(own: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Answers, and a row for each fact of the language that the file has no answer to."""
    has_tokens = pl.col("predicted_token_ids").is_not_null()
    answers = own.with_columns(
        # Without tokens, the text is compared with the object's label, which is in normal form.
        predicted_text=pl.when(has_tokens)
        .then("predicted_text")
        .otherwise(normal_column(pl.col("predicted_text"))),
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
