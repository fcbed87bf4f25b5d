"""Reads KLAR: one JSON file per language and relation, in a folder or zip.

Source: Wang et al., "Lost in Multilinguality", ACL 2025. ``<language>/<relation>.json`` has
``prompt_templates``, a list of sentences with <subject> and <mask>, and ``samples``, a list of
facts with ``subject``, ``object`` and ``index``, and in other languages than English
``subject_en`` and ``object_en``. A sample has the same index in all languages.

The first usable template of a relation is its template; the others are further wordings. In
``rejected_rows``, the line of a template or sample is its place in the file: templates come first,
then samples.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import orjson
import polars as pl

from ingestion.facts.archive import Archive, content_digest, only_root
from ingestion.facts.json_lines import json_type
from ingestion.facts.sifting import FACT_LINE, FactLines, check_rejected_rate, sift
from ingestion.facts.source import (
    WORDING_LINE,
    FactsError,
    LanguageFacts,
    WordingLines,
    require_language,
)
from ingestion.facts.wordings import split_templates
from ingestion.lake import fingerprint
from ingestion.text import normal_name

__all__ = ["KlarSource"]

_VERSION = 2
"""Raised when the same files give other facts."""
_ENGLISH = "en"
_LISTS = ("prompt_templates", "samples")
_File = tuple[str, str, Mapping[str, list[Any]]]
"""Name, relation and the two lists of a file."""


class KlarSource:
    """KLAR's files in a folder or zip."""

    def __init__(self, archive: Archive, max_rejected_rate: float) -> None:
        """Find the files.

        Raises:
            FactsError: there are none, or in several folders.
        """
        self._archive = archive
        self._max_rejected_rate = max_rejected_rate
        names = [name for name in archive.names if re.fullmatch(r"(.*/)?[^/]+/[^/]+\.json", name)]
        roots = {re.sub(r"[^/]+/[^/]+$", "", name) for name in names}
        self._root = only_root(archive, roots, "KLAR: no <language>/<relation>.json")
        self._files: dict[str, list[str]] = {}
        for name in names:
            self._files.setdefault(PurePosixPath(name).parent.name, []).append(name)

    def languages(self) -> tuple[str, ...]:
        """Codes of all languages, sorted."""
        return tuple(sorted(self._files))

    def digest(self, language: str) -> str:
        """Fingerprint of name, size and CRC-32 of the language's files and of the English ones."""
        require_language(language, self.languages(), self._archive.path)
        names = {*self._files[language], *self._files.get(_ENGLISH, [])}
        return fingerprint([_VERSION, content_digest(self._archive, names, self._root)])

    def read(self, language: str) -> LanguageFacts:
        """Read one language.

        Raises:
            FactsError: as ``FactSource.read``, or a file is no KLAR file.
        """
        require_language(language, self.languages(), self._archive.path)
        files = list(self._parsed(language))
        facts = [
            (name, place, *self._fact(relation, item))
            for name, relation, lists in files
            for place, item in enumerate(lists["samples"], 1 + len(lists["prompt_templates"]))
        ]
        found = _templates(files)
        first, _ = split_templates(found)
        rows = pl.DataFrame(facts, FACT_LINE, orient="row")
        sifted = sift(FactLines(language, first, rows, found.texts))
        check_rejected_rate(
            language, first.height + len(facts), sifted.rejected_rows, self._max_rejected_rate
        )
        return sifted

    def wordings(self, language: str) -> WordingLines:
        """Templates of a language, without the first usable one of each relation."""
        return split_templates(_templates(self._parsed(language)))[1]

    def _parsed(self, language: str) -> Iterator[_File]:
        """Name, relation and the two lists of each file of a language."""
        for full_name, content in self._archive.read(self._files.get(language, [])):
            name = full_name.removeprefix(self._root)
            where = f"{self._archive.path}: {name} is not a file of KLAR"
            try:
                found = orjson.loads(content)
            except ValueError as error:
                raise FactsError(f"{where}: not valid JSON: {error}.") from error
            if not isinstance(found, dict):
                raise FactsError(f"{where}: it holds {json_type(found)} instead of an object.")
            for key in _LISTS:
                if not isinstance(found.get(key), list):
                    raise FactsError(
                        f"{where}: '{key}' is {json_type(found.get(key))} instead of a list. "
                        f"Found: {', '.join(found)}."
                    )
            yield name, PurePosixPath(name).stem, found

    @cached_property
    def _english(self) -> dict[tuple[str, int | str], tuple[str, str]]:
        """(Relation, index) → English names of subject and object."""
        return {
            (relation, sample["index"]): (sample["subject"], sample["object"])
            for _, relation, lists in self._parsed(_ENGLISH)
            for sample in lists["samples"]
            if _sample_problem(sample) is None
        }

    def _fact(self, relation: str, sample: Any) -> tuple[object, ...]:
        """Columns of FACT_LINE behind file and line."""
        if (problem := _sample_problem(sample)) is not None:
            return problem, relation, *[None] * 5
        index = sample["index"]
        own = (sample["subject"], sample["object"])
        known = self._english.get((relation, index), own)
        subject, thing = (
            normal_name(sample.get(f"{role}_en") or name)
            for role, name in zip(("subject", "object"), known, strict=True)
        )
        return None, relation, f"klar-{relation}-{index}", subject, thing, *own


def _sample_problem(sample: object) -> str | None:
    """Why a sample is no fact: its names must be texts, and its index a number or a text."""
    if not isinstance(sample, dict):
        return f"not a JSON object but {json_type(sample)}"
    wrong = [
        f"{key} is {json_type(sample.get(key))} instead of a string"
        for key in ("subject", "object", "subject_en", "object_en")
        if not isinstance(sample.get(key), str)
        and not (key.endswith("_en") and sample.get(key) is None)
    ]
    index = sample.get("index")
    if not isinstance(index, int | str) or isinstance(index, bool):
        wrong.append(f"index is {json_type(index)} instead of a whole number")
    return "; ".join(wrong) or None


def _templates(files: Iterable[_File]) -> WordingLines:
    """All templates of a language's files, and their items as text."""
    rows: list[tuple[object, ...]] = []
    texts: dict[str, Sequence[bytes]] = {}
    for name, relation, lists in files:
        items = [*lists["prompt_templates"], *lists["samples"]]
        texts[name] = [orjson.dumps(item) for item in items]
        rows += [
            (name, place, *_template(relation, item))
            for place, item in enumerate(lists["prompt_templates"], 1)
        ]
    return WordingLines(pl.DataFrame(rows, WORDING_LINE, orient="row"), texts)


def _template(relation: str, item: object) -> tuple[object, ...]:
    """Columns of WORDING_LINE behind file and line."""
    if not isinstance(item, str):
        return f"the template is {json_type(item)} instead of a string", relation, None, None
    slots = item.replace("<subject>", "[X]").replace("<MASK>", "[Y]").replace("<mask>", "[Y]")
    return None, relation, None, slots
