"""Reads PopQA: one TSV file of English questions with the page views of subject and object.

Source: Mallen et al., "When Not to Trust Language Models", ACL 2023. A question is turned into a
template as its authors ask it: ``Q: <question> A: <object>``, with the question's subject replaced
by [X]. The template of a relation is the most common one; a question that does not fit it is
rejected. Other names of an object (``possible_answers``) are not used here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from ingestion.facts.sifting import (
    FACT_LINE,
    TEMPLATE_LINE,
    FactLines,
    check_rejected_rate,
    sift,
)
from ingestion.facts.source import (
    FactsError,
    LanguageFacts,
    as_table,
    header_problems,
    lines_of,
    require_language,
    tab_cells,
)
from ingestion.lake import fingerprint
from ingestion.restricted import read_bytes
from ingestion.text import normal_name

__all__ = ["PopqaSource"]

_LANGUAGE = "en"
_COLUMNS = ("id", "subj", "prop", "obj", "s_uri", "o_uri", "s_pop", "o_pop", "question")
_RELATIONS = {
    "occupation": "P106", "place of birth": "P19", "genre": "P136", "father": "P22",
    "country": "P17", "producer": "P162", "director": "P57", "capital of": "P1376",
    "screenwriter": "P58", "composer": "P86", "color": "P462", "religion": "P140", "sport": "P641",
    "author": "P50", "mother": "P25", "capital": "P36",
}  # fmt: skip
"""PopQA's name of a relation → Wikidata property; its own numbers are others."""


@dataclass(frozen=True)
class _Question:
    """One row of the file."""

    number: int
    """Line in the file, from 1."""
    reason: str | None
    """Why it cannot be used."""
    cells: dict[str, str]
    """Column → text; empty if the line could not be parsed."""
    templates: tuple[str, ...] = ()
    """Candidates: the question without one occurrence of its subject."""

    @property
    def relation(self) -> str:
        """Identifier of the relation."""
        name = normal_name(self.cells.get("prop", ""))
        return _RELATIONS.get(name, name.replace(" ", "_"))


class PopqaSource:
    """PopQA's file, which is parsed once."""

    def __init__(self, path: Path, max_rejected_rate: float, within: Path | None = None) -> None:
        """Read the file.

        Raises:
            RestrictedError: it is not inside ``within``.
            FactsError: it cannot be read, or has not PopQA's columns.
        """
        self._path = path
        self._max_rejected_rate = max_rejected_rate
        try:
            self._lines: Sequence[bytes] = lines_of(read_bytes(path, within))
        except OSError as error:
            raise FactsError(f"cannot read {path}: {error.strerror or error}.") from error
        cells = tab_cells(self._lines[0].decode(errors="replace"))
        self._header = [normal_name(name) for name in cells]
        if problems := header_problems(self._header, _COLUMNS):
            raise FactsError(
                f"{path} is not a file of PopQA: {'; '.join(problems)}. Found: "
                f"{', '.join(self._header[:20])}."
            )

    def languages(self) -> tuple[str, ...]:
        """English."""
        return (_LANGUAGE,)

    def digest(self, language: str) -> str:
        """SHA-256 over the lines of the file."""
        require_language(language, self.languages(), self._path)
        return fingerprint([line.hex() for line in self._lines])

    def read(self, language: str) -> LanguageFacts:
        """Read the file.

        Raises:
            FactsError: as ``FactSource.read``.
        """
        require_language(language, self.languages(), self._path)
        name, rows = self._path.name, self._questions
        counts: dict[str, Counter[str]] = {}
        for row in rows:
            counts.setdefault(row.relation, Counter()).update(row.templates)
        common = {relation: c.most_common(1)[0][0] for relation, c in counts.items() if c}
        first: dict[str, tuple[object, ...]] = {}
        facts: list[tuple[object, ...]] = []
        for row in rows:
            template = common.get(row.relation)
            reason = row.reason
            if reason is None and template not in row.templates:
                reason = f"question does not fit the relation's template '{template}'"
            if reason is None:
                first.setdefault(row.relation, (name, row.number, None, row.relation, template))
            facts.append((name, row.number, reason, *_fact(row)))
        lines = FactLines(
            language,
            pl.DataFrame(list(first.values()), TEMPLATE_LINE, orient="row"),
            pl.DataFrame(facts, FACT_LINE, orient="row"),
            {name: self._lines},
        )
        sifted = sift(lines)
        check_rejected_rate(language, len(rows), sifted.rejected_rows, self._max_rejected_rate)
        return sifted

    def popularity(self) -> pl.DataFrame:
        """Rows of the lake table ``fact_popularity``; a number that is none is null."""
        rows = [
            (_fact(row)[1], _views(row.cells["s_pop"]), _views(row.cells["o_pop"]))
            for row in self._questions
            if row.templates
        ]
        schema = {
            "fact_id": pl.String,
            "subject_view_count": pl.Int64,
            "object_view_count": pl.Int64,
        }
        frame = pl.DataFrame(rows, schema, orient="row").unique("fact_id", keep="first")
        return as_table(frame.sort("fact_id"), "fact_popularity")

    @cached_property
    def _questions(self) -> list[_Question]:
        return [
            self._parse(number, line)
            for number, line in enumerate(self._lines[1:], 2)
            if line.strip()
        ]

    def _parse(self, number: int, line: bytes) -> _Question:
        try:
            values = tab_cells(line.decode())
        except UnicodeDecodeError as error:
            return _Question(number, f"not valid UTF-8 at byte {error.start + 1}", {})
        if len(values) != len(self._header):
            return _Question(number, f"{len(values)} fields instead of {len(self._header)}", {})
        cells = dict(zip(self._header, values, strict=True))
        if not normal_name(cells["id"]):
            return _Question(number, "id is empty", cells)
        question, subject = normal_name(cells["question"]), normal_name(cells["subj"])
        if "[X]" in question or "[Y]" in question:
            return _Question(number, "question holds a literal [X] or [Y]", cells)
        places = _places(question, subject)
        if not places:
            return _Question(number, "the subject does not stand in the question", cells)
        templates = tuple(
            f"Q: {question[:place]}[X]{question[place + len(subject) :]} A: [Y]" for place in places
        )
        return _Question(number, None, cells, templates)


def _places(text: str, part: str) -> list[int]:
    return [place for place in range(len(text)) if part and text.startswith(part, place)]


def _fact(row: _Question) -> tuple[object, ...]:
    """Columns of FACT_LINE behind the reason; the identifiers are those of Wikidata."""
    cells = row.cells
    if not cells:
        return (None,) * 6
    uris = (
        cells["s_uri"].rstrip("/").rpartition("/")[2],
        cells["o_uri"].rstrip("/").rpartition("/")[2],
    )
    return row.relation, f"popqa-{cells['id'].strip()}", *uris, cells["subj"], cells["obj"]


def _views(text: str) -> int | None:
    """Number of page views; pandas writes whole numbers with .0 where a column has gaps."""
    whole, _, rest = text.strip().partition(".")
    # More digits do not fit the lake's integers, and can be no views.
    is_number = whole.isdecimal() and len(whole) <= 18 and not rest.strip("0")
    return int(whole) if is_number else None
