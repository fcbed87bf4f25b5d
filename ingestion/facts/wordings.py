"""Further templates of relations: other wordings of the question that the facts' template asks.

What belongs here: which lines become wordings, and the file ``facts: {wordings: …}`` of a study:

- a CSV with the columns ``language, relation, template`` and optionally ``template_id``;
- a folder or zip of mParaRel: ``<language>/<relation>.jsonl``, one object with ``pattern`` per
  line (Fierro and Søgaard 2022);
- the prompts of X-FACTR: a CSV with the columns ``pid, relation`` and one per language (Jiang et
  al. 2020).

What does not: the first template of each relation, which comes with the facts.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol, runtime_checkable

import polars as pl

from ingestion.atlas.world import read_phrases
from ingestion.facts.archive import Archive, content_digest, only_root, open_archive
from ingestion.facts.json_lines import JsonRows
from ingestion.facts.sifting import TEMPLATE_LINE, cut_text, normalized, template_problem
from ingestion.facts.source import (
    WORDING_LINE,
    FactsError,
    WordingLines,
    as_table,
    csv_header,
    csv_values,
    header_problems,
    lines_of,
)
from ingestion.lake import fingerprint
from ingestion.restricted import read_bytes
from ingestion.text import left_out, normal_column, normal_name

__all__ = [
    "FIRST_TEMPLATE",
    "AtlasWordings",
    "WordedFacts",
    "WordingSource",
    "accept_wordings",
    "lines_left_out",
    "mpararel_files",
    "open_wordings",
    "read_patterns",
    "split_templates",
]

FIRST_TEMPLATE = "1"
"""Identifier of the facts' own template."""
_COLUMNS = ("language", "relation", "template")
_ID_COLUMN = "template_id"
_NEAREST = {"zh": "zh-hans"}
"""Language → code under which another data set has it."""
_CASE = re.compile(r"\[([XY])\.[^\[\];|]*\]")
"""A slot of X-FACTR with the case in which the name should stand; names are not inflected here."""
_MARK = re.compile(r"\[(?!X\]|Y\])[^\]]*\]?")
"""Any other mark of X-FACTR, which a grammar of the language replaces by a word."""


@runtime_checkable
class WordedFacts(Protocol):
    """Facts whose own files have further templates; some of the sources are such."""

    def wordings(self, language: str) -> WordingLines:
        """Lines of a language, without the first usable template of each relation."""
        ...


class WordingSource(Protocol):
    """Further templates in several languages."""

    def languages(self) -> Sequence[str]:
        """Codes of its languages, as it has them."""
        ...

    def digest(self, language: str) -> str:
        """SHA-256 (hex) of everything that ``read(language)`` depends on."""
        ...

    def read(self, language: str) -> WordingLines:
        """Lines of a language; none if the source does not have it."""
        ...


def open_wordings(path: Path, within: Path | None = None) -> WordingSource:
    """Open a file of further templates; its content says which format it has.

    Args:
        path: CSV, zip or folder.
        within: folder of a restricted study, which all files must lie in.

    Raises:
        RestrictedError: a file does not lie in ``within``.
        FactsError: it cannot be read, or has none of the three formats.
    """
    if path.is_dir() or path.suffix.lower() == ".zip":
        return _PatternFiles(open_archive(path, within))
    try:
        lines = lines_of(read_bytes(path, within))
    except OSError as error:
        raise FactsError(f"cannot read {path}: {error.strerror or error}.") from error
    header = csv_header(path, lines)
    if header[:1] == ["pid"]:
        return _XfactrPrompts(path, header, lines)
    return _WordingTable(path, header, lines)


def accept_wordings(
    language: str, prompts: pl.DataFrame, lines: WordingLines
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Decide which lines become further wordings of the relations that the study has.

    Lines about other relations are ignored. A template without an identifier gets the number of
    its place in its relation, from 2.

    Args:
        language: code of the language.
        prompts: lake table ``prompts`` of the language.
        lines: the lines.

    Returns:
        Lake tables ``wordings``, sorted by key, and ``rejected_wordings``, by file and line.
    """
    named = lines.rows.with_columns(normal_column(pl.col("relation_id", "template_id")))
    known = prompts["relation_id"].implode()
    rows = normalized(
        named.filter(pl.col("relation_id").is_in(known) | pl.col("reason").is_not_null()),
        "is_template_changed",
        "template",
    ).join(
        prompts.select("relation_id", first_template="template"),
        on="relation_id",
        how="left",
        maintain_order="left",
    )
    rows = _judged(rows, template_problem(pl.col("template")))
    rows = _judged(
        rows,
        pl.when(pl.col("template") == pl.col("first_template")).then(
            pl.lit("the template of the facts, which is asked in any case")
        ),
    )
    rows = _judged(rows, _repeated("template"))
    number = pl.int_range(2, pl.len() + 2).over(pl.col("reason").is_null(), "relation_id")
    given = pl.when(pl.col("template_id") != "").then(pl.col("template_id"))
    rows = rows.with_columns(template_id=pl.coalesce(given, number.cast(pl.String)))
    rows = _judged(
        rows,
        pl.when(pl.col("template_id") == FIRST_TEMPLATE).then(
            pl.lit(f"template_id '{FIRST_TEMPLATE}' is that of the facts' own template")
        ),
    )
    rows = _judged(rows, _repeated("template_id"))
    code = pl.lit(language).alias("language_code")
    good = rows.filter(pl.col("reason").is_null()).with_columns(code)
    bad = rows.filter(pl.col("reason").is_not_null()).sort("source_file", "line_number")
    texts = [
        cut_text(lines.texts[file][number - 1])
        for file, number in bad.select("source_file", "line_number").iter_rows()
    ]
    bad = bad.with_columns(code, pl.Series("line_text", texts, pl.String))
    order = ["relation_id", "template_id"]
    return as_table(good.sort(order), "wordings"), as_table(bad, "rejected_wordings")


def lines_left_out(source: WordingSource, prompts: Mapping[str, pl.DataFrame]) -> str:
    """Say which lines are about languages and relations that a study does not have.

    Args:
        source: the lines.
        prompts: language of the study → its lake table ``prompts``.

    Returns:
        A sentence with their number and names; '' if there are none.
    """
    known = {name for rows in prompts.values() for name in rows["relation_id"]}
    used = {_present(language, source.languages()) for language in prompts}
    languages: Counter[str] = Counter()
    relations: Counter[str] = Counter()
    count = 0
    for language in source.languages():
        rows = source.read(language).rows
        count += rows.height
        if language not in used:
            languages[language] = rows.height
            continue
        named = rows.filter(pl.col("reason").is_null())["relation_id"]
        relations.update(normal_name(name) for name in named if normal_name(name) not in known)
    others = {"languages": (languages, prompts), "relations": (relations, known)}
    return left_out(count, "lines", others)


def _judged(rows: pl.DataFrame, problem: pl.Expr) -> pl.DataFrame:
    return rows.with_columns(reason=pl.coalesce("reason", problem))


def _repeated(column: str) -> pl.Expr:
    """Which earlier accepted line of the relation has the same value, or null."""
    good = pl.col("reason").is_null()
    group = [good, "relation_id", column]
    place = pl.format("{} line {}", "source_file", "line_number")
    meaning = {"template": "the template again", "template_id": "template_id '{}' again"}[column]
    shown = pl.format(meaning, column) if "{" in meaning else pl.lit(meaning)
    return pl.when(good & (pl.int_range(pl.len()).over(group) > 0)).then(
        pl.format("{}; first in {}", shown, place.first().over(group))
    )


class AtlasWordings:
    """The three sentences per relation with which the texts of Atlas state a fact."""

    def languages(self) -> tuple[str, ...]:
        """As of a source."""
        return tuple(read_phrases())

    def digest(self, language: str) -> str:
        """As of a source."""
        return fingerprint(read_phrases()[language].state)

    def read(self, language: str) -> WordingLines:
        """As of a source; the identifiers are ``statement-1`` to ``statement-3``."""
        rows = [
            ("phrases.yml", 1, None, relation, f"statement-{number}", template)
            for relation, templates in read_phrases()[language].state.items()
            for number, template in enumerate(templates, 1)
        ]
        return WordingLines(pl.DataFrame(rows, WORDING_LINE, orient="row"), {"phrases.yml": [b""]})


@dataclass(frozen=True)
class _WordingTable:
    """A CSV of one's own."""

    path: Path
    header: Sequence[str]
    lines: Sequence[bytes]

    def __post_init__(self) -> None:
        if problems := header_problems(self.header, _COLUMNS, (_ID_COLUMN,)):
            listed = "".join(f"  {problem}\n" for problem in problems)
            raise FactsError(
                f"{self.path} has no further templates:\n{listed}"
                f"Required: {', '.join(_COLUMNS)}. Optional: {_ID_COLUMN}. Or give the prompts of "
                "X-FACTR (a CSV that begins with pid), or a folder of mParaRel."
            )

    @cached_property
    def _rows(self) -> dict[str, list[tuple[object, ...]]]:
        """Language → its rows; a row without one is rejected under that of the row before."""
        found: dict[str, list[tuple[object, ...]]] = {}
        language = ""
        early: list[tuple[object, ...]] = []
        for number, line in enumerate(self.lines[1:], 2):
            if not line.strip():
                continue
            values, reason = csv_values(line, len(self.header))
            cells = dict(zip(self.header, values, strict=True))
            own = normal_name(cells["language"] or "")
            reason = reason or (None if own else "language is empty")
            row = (
                self.path.name,
                number,
                reason,
                cells["relation"] or "",
                cells.get(_ID_COLUMN),
                cells["template"] or "",
            )
            language = own if reason is None else language
            (found.setdefault(language, []) if language else early).append(row)
        if early and found:
            found[next(iter(found))] = early + found[next(iter(found))]
        return found

    def languages(self) -> tuple[str, ...]:
        """As of a source."""
        return tuple(self._rows)

    def digest(self, language: str) -> str:
        """As of a source."""
        return fingerprint(self._rows.get(language, []))

    def read(self, language: str) -> WordingLines:
        """As of a source."""
        rows = pl.DataFrame(self._rows.get(language, []), WORDING_LINE, orient="row")
        return WordingLines(rows, {self.path.name: self.lines})


@dataclass(frozen=True)
class _XfactrPrompts:
    """X-FACTR's table: a row per relation, a column per language.

    Case marks such as [X.Nom] become slots, because names are not inflected. A template with other
    marks is rejected: a grammar would put a word there.
    """

    path: Path
    header: Sequence[str]
    lines: Sequence[bytes]

    def __post_init__(self) -> None:
        if problems := header_problems(self.header, [*filter(None, dict.fromkeys(self.header))]):
            raise FactsError(f"{self.path}: {'; '.join(problems)}. Leave one of them out.")

    def languages(self) -> tuple[str, ...]:
        """As of a source."""
        return tuple(filter(None, self.header[2:]))

    def digest(self, language: str) -> str:
        """As of a source."""
        return hashlib.sha256(self.read(language).rows.write_csv().encode()).hexdigest()

    def read(self, language: str) -> WordingLines:
        """As of a source."""
        rows = pl.DataFrame(list(self._rows(language)), WORDING_LINE, orient="row")
        return WordingLines(rows, {self.path.name: self.lines})

    def _rows(self, language: str) -> Iterator[tuple[object, ...]]:
        name = _present(language, self.header[2:])
        if name is None:
            return
        place = self.header.index(name)
        for number, line in enumerate(self.lines[1:], 2):
            if not line.strip():
                continue
            values, reason = csv_values(line, len(self.header))
            template = _CASE.sub(r"[\1]", values[place] or "")
            if reason is None and not template.strip():
                continue
            if reason is None and (mark := _MARK.search(template)) is not None:
                reason = f"the mark {mark.group()} needs a grammar: write a template without it"
            yield self.path.name, number, reason, values[0] or "", None, template


class _PatternFiles:
    """mParaRel's patterns."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._root, self._files = mpararel_files(archive, "patterns")

    def languages(self) -> tuple[str, ...]:
        """As of a source."""
        return tuple(self._files)

    def _names(self, language: str) -> list[str]:
        return self._files.get(_present(language, self._files) or "", [])

    def digest(self, language: str) -> str:
        """As of a source."""
        return content_digest(self._archive, self._names(language), self._root)

    def read(self, language: str) -> WordingLines:
        """As of a source."""
        return read_patterns(self._archive, self._names(language), self._root)


def read_patterns(archive: Archive, names: Sequence[str], root: str) -> WordingLines:
    """Read mParaRel's files of patterns; ``root`` is left out of their names."""
    rows = JsonRows(pl.Schema({n: t for n, t in WORDING_LINE.items() if n != _ID_COLUMN}))
    texts: dict[str, Sequence[bytes]] = {}
    for full_name, content in archive.read(names):
        name = full_name.removeprefix(root)
        texts[name] = lines_of(content)
        rows.parse(texts[name], ("pattern",), name, (PurePosixPath(name).stem,))
    frame = rows.frame().with_columns(template_id=pl.lit(None, pl.String))
    return WordingLines(frame.select(WORDING_LINE.names()), texts)


def split_templates(lines: WordingLines) -> tuple[pl.DataFrame, WordingLines]:
    """Split lines into those of the facts and those of further wordings.

    Returns:
        A frame of schema ``TEMPLATE_LINE``: per relation the first usable template, and the
        unusable ones before it, which the facts reject; and the lines behind it.
    """
    problem = template_problem(normal_column(pl.col("template")))
    is_good = pl.col("reason").is_null() & problem.is_null()
    good_before = is_good.cast(pl.Int32).cum_sum().over("relation_id") - is_good.cast(pl.Int32)
    rows = lines.rows.with_columns(good_before=good_before)
    first = rows.filter(pl.col("good_before") == 0).select(TEMPLATE_LINE.names())
    further = rows.filter(pl.col("good_before") > 0).select(WORDING_LINE.names())
    return first, WordingLines(further, lines.texts)


def mpararel_files(archive: Archive, folder: str) -> tuple[str, dict[str, list[str]]]:
    """Find mParaRel's files ``<folder>/<language>/<relation>.jsonl``.

    Args:
        archive: mParaRel's folder or zip; or, for patterns, the folder ``patterns`` itself.
        folder: 'patterns' or 'tuples'.

    Returns:
        Their root, '' or ending in '/', and language → names of its files, sorted.

    Raises:
        FactsError: there are none, or in several folders.
    """
    files = [name for name in archive.names if re.fullmatch(r"(.*/)?[^/]+/[^/]+\.jsonl", name)]
    inside = [name for name in files if PurePosixPath(name).parent.parent.name == folder]
    if not inside and folder == "patterns" and archive.path.name == folder:
        inside = [name for name in files if name.count("/") == 1]
    what = f"mParaRel: no {folder}/<language>/<relation>.jsonl"
    roots = {re.sub(r"[^/]+/[^/]+$", "", name) for name in inside}
    root = only_root(archive, roots, what)
    found: dict[str, list[str]] = {}
    for name in inside:
        found.setdefault(PurePosixPath(name).parent.name, []).append(name)
    return root, found


def _present(language: str, known: Sequence[str] | Mapping[str, object]) -> str | None:
    """The language, or the code under which a source has it; None if it does not."""
    return next((code for code in (language, _NEAREST.get(language)) if code in known), None)
