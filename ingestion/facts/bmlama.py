"""Reads BMLAMA-17 and BMLAMA-53: one TSV file per language, in a folder or zip.

Source: Qi, Fernández, Bisazza, "Cross-Lingual Consistency of Factual Knowledge in Multilingual
Language Models", EMNLP 2023. Each ``<language>.tsv`` has the columns ``Prompt, Ans, Candidate Ans,
Subject``. A prompt is the whole sentence with the subject and with ``<mask>`` for the object. The
files have no identifiers and no relations. They are derived in this way:

- Row n is the same fact in every file. fact_id is ``bmlama-<n>``; subject and object are
  identified by their English labels.
- The rows of a relation are consecutive, in the order of LAMA's templates. A relation begins where
  the English template changes. Its identifier is found by the hash of the template and by that
  order, because four relations share one English template. A template that is not in LAMA gives
  an identifier made of its words.
- A template is the prompt without its subject. If the subject occurs several times in the prompt,
  the occurrence is chosen that gives the most common template of the relation.

So every language is read together with ``en.tsv``. The rules for accepted lines are in ``sifting``.
The candidates are not used: docs/method.md#probing ranks over the whole vocabulary.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import PurePosixPath

import polars as pl

from ingestion.facts.archive import Archive, content_digest, only_root
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
    header_problems,
    lines_of,
    require_language,
    tab_cells,
)
from ingestion.text import normal_name

__all__ = ["BmlamaSource"]

_ANCHOR = "en"
_MASK = "<mask>"
_COLUMNS = ("Prompt", "Ans", "Subject")

# LAMA's T-REx relations in the order of its template file. Each has the first eight hex digits of
# the SHA-256 of its English template without white space. The templates themselves are not shipped,
# because their licence is non-commercial.
# fmt: off
_FINGERPRINTS = (
    ("P19", "439d0215"), ("P20", "89dbf942"), ("P279", "4f1caca2"), ("P37", "0823470e"),
    ("P413", "2c12df2f"), ("P166", "857dacbd"), ("P449", "5acdbdce"), ("P69", "37d2e5bf"),
    ("P47", "a8b38794"), ("P138", "22818504"), ("P364", "e6eb2ab8"), ("P54", "b415da6f"),
    ("P463", "9f0a4882"), ("P101", "3d8fbac9"), ("P1923", "7cf583bb"), ("P106", "b49bbf41"),
    ("P527", "966f4bbf"), ("P102", "fd508e3a"), ("P530", "0c87e7d0"), ("P176", "48952d4a"),
    ("P27", "49377c3d"), ("P407", "08ec49b4"), ("P30", "79a58178"), ("P178", "3fe9a032"),
    ("P1376", "5ed93f05"), ("P131", "79a58178"), ("P1412", "375f66a6"), ("P108", "b296447f"),
    ("P136", "78a348e1"), ("P17", "79a58178"), ("P39", "956a5de9"), ("P264", "a76e839e"),
    ("P276", "79a58178"), ("P937", "5310959b"), ("P140", "35a5929b"), ("P1303", "20550709"),
    ("P127", "ee641148"), ("P103", "7c864e79"), ("P190", "223d449f"), ("P1001", "07a24404"),
    ("P31", "679fc75f"), ("P495", "aa146894"), ("P159", "0f722abb"), ("P36", "20bfebd8"),
    ("P740", "6122349d"), ("P361", "ec2bcbbf"),
)
# fmt: on


@dataclass(frozen=True)
class _Line:
    """One row of a TSV file."""

    number: int
    """Line in the file, from 1."""
    object_label: str | None = None
    """The answer, unchanged."""
    subject_label: str | None = None
    """The subject, unchanged."""
    templates: tuple[str, ...] = ()
    """Candidate templates: the prompt without one occurrence of the subject, for each of them."""
    reason: str | None = None
    """Why the row cannot be used; None if it can."""


@dataclass(frozen=True)
class _Anchor:
    """Meaning of each row, from the English file."""

    relations: dict[int, str]
    """Relation by line number; rejected English rows are missing."""
    subject_ids: dict[int, str]
    """English subject label by line number."""
    object_ids: dict[int, str]
    """English object label by line number."""
    last_line: int
    """Number of the last row, which must be the same in every file."""


class BmlamaSource:
    """BMLAMA's TSV files in a zip or folder."""

    def __init__(self, archive: Archive, max_rejected_rate: float) -> None:
        """Find the files.

        Raises:
            FactsError: there is no ``en.tsv``, or several (BMLAMA-17 and BMLAMA-53 in one place).
        """
        self._archive = archive
        self._max_rejected_rate = max_rejected_rate
        self._root = only_root(
            archive,
            {
                name.removesuffix(f"{_ANCHOR}.tsv")
                for name in archive.names
                if PurePosixPath(name).name == f"{_ANCHOR}.tsv"
            },
            f"BMLAMA: no {_ANCHOR}.tsv, which identifies the rows of all languages,",
        )

    @cached_property
    def _files(self) -> dict[str, str]:
        depth = self._root.count("/")
        return {
            PurePosixPath(name).stem: name
            for name in self._archive.names
            if name.startswith(self._root) and name.endswith(".tsv") and name.count("/") == depth
        }

    def languages(self) -> tuple[str, ...]:
        """Codes of all languages with a TSV file, sorted."""
        return tuple(sorted(self._files))

    def digest(self, language: str) -> str:
        """SHA-256 over name, size and CRC-32 of the language's file and of the English one."""
        require_language(language, self.languages(), self._archive.path)
        names = {self._files[language], self._files[_ANCHOR]}
        return content_digest(self._archive, names, self._root)

    def read(self, language: str) -> LanguageFacts:
        """Read one language.

        Raises:
            FactsError: as ``FactSource.read``, or the file and the English one differ in length.
        """
        require_language(language, self.languages(), self._archive.path)
        rows, texts = self._parse(language)
        anchor = self._anchor
        if rows and rows[-1].number != anchor.last_line:
            raise FactsError(
                f"{self._archive.path}: {language}.tsv ends in line {rows[-1].number}, "
                f"{_ANCHOR}.tsv in line {anchor.last_line}. Row n must be the same fact in all "
                "files of BMLAMA, so one of them is incomplete; download them again."
            )
        templates = _common_templates(rows, anchor.relations)
        file = f"{language}.tsv"
        template_rows = [
            (file, line, None, relation, template)
            for relation, (line, template) in templates.items()
        ]
        fact_rows = [self._fact_row(file, row, templates) for row in rows]
        lines = FactLines(
            language,
            pl.DataFrame(template_rows, TEMPLATE_LINE, orient="row"),
            pl.DataFrame(fact_rows, FACT_LINE, orient="row"),
            {file: texts},
        )
        sifted = sift(lines)
        check_rejected_rate(language, len(rows), sifted.rejected_rows, self._max_rejected_rate)
        return sifted

    def _fact_row(
        self, file: str, row: _Line, templates: dict[str, tuple[int, str]]
    ) -> tuple[str | int | None, ...]:
        anchor, relation = self._anchor, self._anchor.relations.get(row.number)
        reason = row.reason
        if reason is None and relation is None:
            reason = f"line {row.number} of {_ANCHOR}.tsv, which gives the relation, is rejected"
        elif reason is None and relation and templates[relation][1] not in row.templates:
            reason = f"prompt does not fit the relation's template '{templates[relation][1]}'"
        return (
            file,
            row.number,
            reason,
            relation,
            f"bmlama-{row.number - 1:05d}",
            anchor.subject_ids.get(row.number),
            anchor.object_ids.get(row.number),
            row.subject_label,
            row.object_label,
        )

    def _parse(self, language: str) -> tuple[list[_Line], Sequence[bytes]]:
        ((_, content),) = self._archive.read([self._files[language]])
        lines = lines_of(content)
        cells = tab_cells(lines[0].decode(errors="replace"))
        header = [normal_name(name) for name in cells]
        if problems := header_problems(header, _COLUMNS):
            raise FactsError(
                f"{self._archive.path}: {language}.tsv is not a BMLAMA file: "
                f"{'; '.join(problems)}. Found: {', '.join(header)}."
            )
        header = list(_fitting_header(header, lines[1:]))
        places = [header.index(name) for name in _COLUMNS]
        rows = [
            _parse_line(number, line, len(header), places)
            for number, line in enumerate(lines[1:], 2)
            if line.strip()
        ]
        return rows, lines

    @cached_property
    def _anchor(self) -> _Anchor:
        rows, _ = self._parse(_ANCHOR)
        return _Anchor(
            _relations_by_line(rows),
            {row.number: normal_name(row.subject_label) for row in rows if row.subject_label},
            {row.number: normal_name(row.object_label) for row in rows if row.object_label},
            rows[-1].number if rows else 1,
        )


def _fitting_header(header: Sequence[str], lines: Sequence[bytes]) -> Sequence[str]:
    """The header without names that have no column, if it has one or two more than the rows."""
    rows = [line for line in lines if line.strip()]
    widths = Counter(len(tab_cells(line.decode(errors="replace"))) for line in rows)
    surplus = len(header) - widths.most_common(1)[0][0] if widths else 0
    if surplus not in (1, 2):
        return header
    for left_out in reversed(list(combinations(range(len(header)), surplus))):
        shorter = [name for place, name in enumerate(header) if place not in left_out]
        if not set(_COLUMNS) <= set(shorter):
            continue
        places = [shorter.index(name) for name in _COLUMNS]
        good = (_parse_line(0, line, len(shorter), places).reason is None for line in rows)
        if sum(good) > len(rows) / 2:
            return shorter
    return header


def _parse_line(number: int, line: bytes, width: int, places: Sequence[int]) -> _Line:
    try:
        values = tab_cells(line.decode())
    except UnicodeDecodeError as error:
        return _Line(number, reason=f"not valid UTF-8 at byte {error.start + 1}")
    while len(values) > width and not values[-1].strip():
        values.pop()
    if len(values) != width:
        return _Line(number, reason=f"{len(values)} fields instead of {width}")
    prompt, answer, subject = (values[place] for place in places)
    prompt, subject_name = normal_name(prompt), normal_name(subject)
    templates = _templates(prompt, subject_name) if subject_name else ()
    if (count := prompt.count(_MASK)) != 1:
        reason = f"prompt has {_MASK} {count} times instead of once"
    elif "[X]" in prompt or "[Y]" in prompt:
        reason = "prompt holds a literal [X] or [Y]"
    elif not subject_name:
        reason = "subject label is empty"
    elif not templates:
        reason = "the subject does not stand in the prompt"
    else:
        return _Line(number, answer, subject, templates)
    return _Line(number, answer, subject, reason=reason)


def _templates(prompt: str, subject: str) -> tuple[str, ...]:
    """Templates of a prompt: each occurrence of the subject in turn is replaced by [X]."""
    before, _, after = prompt.partition(_MASK)
    return (
        *(f"{head}[X]{tail}[Y]{after}" for head, tail in _without(before, subject)),
        *(f"{before}[Y]{head}[X]{tail}" for head, tail in _without(after, subject)),
    )


def _without(text: str, part: str) -> Iterable[tuple[str, str]]:
    start = text.find(part)
    while start >= 0:
        yield text[:start], text[start + len(part) :]
        start = text.find(part, start + 1)


def _common_templates(
    rows: Sequence[_Line], relations: dict[int, str]
) -> dict[str, tuple[int, str]]:
    """Per relation, the first line with its most common template, and that template."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        if relation := relations.get(row.number):
            counts.setdefault(relation, Counter()).update(row.templates)
    common = {
        relation: counter.most_common(1)[0][0] for relation, counter in counts.items() if counter
    }
    first: dict[str, tuple[int, str]] = {}
    for row in rows:
        relation = relations.get(row.number)
        if relation in common and relation not in first and common[relation] in row.templates:
            first[relation] = (row.number, common[relation])
    return first


def _relations_by_line(english: Sequence[_Line]) -> dict[int, str]:
    """Relation of every accepted row, from consecutive rows with equal English templates."""
    counts = Counter(template for row in english for template in row.templates)
    chosen = [
        (row.number, max(row.templates, key=lambda template: counts[template]))
        for row in english
        if row.templates
    ]
    relations: dict[int, str] = {}
    used: set[str] = set()
    next_place = 0
    last_template = ""
    for index, (number, template) in enumerate(chosen):
        if template != last_template:
            place = _lama_place(template, next_place)
            following = chosen[index + 1][1] if index + 1 < len(chosen) else ""
            if place is None and counts[template] == 1 and following == last_template:
                # A single different sentence inside a relation does not end it.
                continue
            next_place = next_place if place is None else place + 1
            name = _slug(template) if place is None else _FINGERPRINTS[place][0]
            relation = name if name not in used else f"{name}_{len(used)}"
            used.add(relation)
            last_template = template
        relations[number] = relation
    return relations


def _lama_place(template: str, start: int) -> int | None:
    """Position of the first relation at or after ``start`` with this English template in LAMA."""
    fingerprint = hashlib.sha256("".join(template.split()).encode()).hexdigest()[:8]
    for place in range(start, len(_FINGERPRINTS)):
        if _FINGERPRINTS[place][1] == fingerprint:
            return place
    return None


def _slug(template: str) -> str:
    words = template.replace("[X]", " ").replace("[Y]", " ")
    return re.sub(r"\W+", "_", words).strip("_").lower() or "relation"
