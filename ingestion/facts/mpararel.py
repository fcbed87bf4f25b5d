"""Reads mParaRel: facts of mLAMA with several patterns per relation, in a folder or zip.

Source: Fierro and Søgaard, "Factual Consistency of Multilingual Pretrained Language Models", ACL
Findings 2022. ``patterns/<language>/<relation>.jsonl`` has one object with ``pattern`` per line,
``tuples/<language>/<relation>.jsonl`` one fact with ``sub_uri, obj_uri, sub_label, obj_label``.

The first usable pattern of a relation is its template; the others are further wordings. A fact is
identified by relation, subject and object, so it is the same in all languages. The published tuples
have relations without patterns (P31 and others); their files are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import polars as pl

from ingestion.facts.archive import Archive, content_digest
from ingestion.facts.json_lines import JsonRows
from ingestion.facts.sifting import FACT_LINE, FactLines, check_rejected_rate, sift
from ingestion.facts.source import LanguageFacts, WordingLines, lines_of, require_language
from ingestion.facts.wordings import mpararel_files, read_patterns, split_templates

__all__ = ["MpararelSource"]

_KEYS = ("sub_uri", "obj_uri", "sub_label", "obj_label")
_IDENTITY = ("relation_id", "subject_id", "object_id")
_COLUMNS = ("subject_id", "object_id", "subject_label", "object_label")
_TUPLE_LINE = pl.Schema(
    {
        "source_file": pl.String,
        "line_number": pl.Int32,
        "reason": pl.String,
        "relation_id": pl.String,
        **dict.fromkeys(_COLUMNS, pl.String),
    }
)


class MpararelSource:
    """mParaRel's patterns and tuples."""

    def __init__(self, archive: Archive, max_rejected_rate: float) -> None:
        """Find the files.

        Raises:
            FactsError: there are no patterns or no tuples, or in several folders.
        """
        self._archive = archive
        self._max_rejected_rate = max_rejected_rate
        pattern_root, self._patterns = mpararel_files(archive, "patterns")
        _, tuples = mpararel_files(archive, "tuples")
        asked = {
            (code, PurePosixPath(n).name) for code, files in self._patterns.items() for n in files
        }
        self._tuples = {
            code: [name for name in files if (code, PurePosixPath(name).name) in asked]
            for code, files in tuples.items()
        }
        self._root = pattern_root.removesuffix("patterns/")

    def languages(self) -> tuple[str, ...]:
        """Codes of all languages with patterns and tuples, sorted."""
        return tuple(sorted(set(self._patterns) & set(self._tuples)))

    def digest(self, language: str) -> str:
        """SHA-256 over name, size and CRC-32 of the language's files."""
        require_language(language, self.languages(), self._archive.path)
        names = [*self._patterns[language], *self._tuples[language]]
        return content_digest(self._archive, names, self._root)

    def read(self, language: str) -> LanguageFacts:
        """Read one language.

        Raises:
            FactsError: as ``FactSource.read``.
        """
        require_language(language, self.languages(), self._archive.path)
        patterns = read_patterns(self._archive, self._patterns[language], self._root)
        templates, _ = split_templates(patterns)
        rows = JsonRows(_TUPLE_LINE)
        texts: dict[str, Sequence[bytes]] = {}
        for full_name, content in self._archive.read(self._tuples[language]):
            name = full_name.removeprefix(self._root)
            texts[name] = lines_of(content)
            rows.parse(texts[name], _KEYS, name, (PurePosixPath(name).stem,))
        facts = rows.frame().with_columns(fact_id=pl.concat_str(_IDENTITY, separator="-"))
        lines = FactLines(
            language, templates, facts.select(FACT_LINE.names()), {**patterns.texts, **texts}
        )
        sifted = sift(lines)
        check_rejected_rate(
            language, templates.height + facts.height, sifted.rejected_rows, self._max_rejected_rate
        )
        return sifted

    def wordings(self, language: str) -> WordingLines:
        """Patterns of a language, without the first usable one of each relation."""
        patterns = read_patterns(self._archive, self._patterns[language], self._root)
        return split_templates(patterns)[1]
