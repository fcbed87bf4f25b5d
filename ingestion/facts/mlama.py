"""Reads mLAMA 1.1 (Kassner et al. 2021; docs/method.md#facts) from a zip or a folder.

Layout: ``<language>/templates.jsonl`` with one template per relation, and
``<language>/<relation>.jsonl`` with one fact per line. The rules for accepted lines are in
``sifting``, the download in ``download``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import PurePosixPath

from ingestion.facts.archive import Archive, content_digest, only_root
from ingestion.facts.json_lines import JsonRows
from ingestion.facts.sifting import (
    FACT_LINE,
    TEMPLATE_LINE,
    FactLines,
    check_rejected_rate,
    sift,
)
from ingestion.facts.source import LanguageFacts, lines_of, require_language

__all__ = ["MlamaSource", "mlama_content_digest"]

_TEMPLATES = "templates.jsonl"
# In the order of the columns of TEMPLATE_LINE and FACT_LINE.
_TEMPLATE_KEYS = ("relation", "template")
_FACT_KEYS = ("uuid", "sub_uri", "obj_uri", "sub_label", "obj_label")


class MlamaSource:
    """mLAMA's layout in a zip or folder, with or without a folder around the languages."""

    def __init__(self, archive: Archive, max_rejected_rate: float) -> None:
        """Find the languages.

        Raises:
            FactsError: no language is found, or there are languages in several folders.
        """
        self._archive = archive
        self._max_rejected_rate = max_rejected_rate
        self._root = _dataset_root(archive)

    @cached_property
    def _files(self) -> dict[str, list[str]]:
        files: dict[str, list[str]] = {}
        for name in _dataset_names(self._archive, self._root):
            files.setdefault(PurePosixPath(name).parent.name, []).append(name)
        return files

    def languages(self) -> tuple[str, ...]:
        """Codes of all language folders that contain a jsonl file, sorted."""
        return tuple(sorted(self._files))

    def digest(self, language: str) -> str:
        """SHA-256 over name, size and CRC-32 of the language's files."""
        require_language(language, self.languages(), self._archive.path)
        return content_digest(self._archive, self._files[language], self._root)

    def read(self, language: str) -> LanguageFacts:
        """Read one language; only the files of this language are held in memory."""
        require_language(language, self.languages(), self._archive.path)
        templates, facts = JsonRows(TEMPLATE_LINE), JsonRows(FACT_LINE)
        texts: dict[str, Sequence[bytes]] = {}
        for full_name, content in self._archive.read(self._files[language]):
            name = full_name.removeprefix(self._root)
            lines = texts[name] = lines_of(content)
            if PurePosixPath(name).name == _TEMPLATES:
                templates.parse(lines, _TEMPLATE_KEYS, name, ())
            else:
                facts.parse(lines, _FACT_KEYS, name, (PurePosixPath(name).stem,))
        sifted = sift(FactLines(language, templates.frame(), facts.frame(), texts))
        check_rejected_rate(
            language,
            len(templates.rows) + len(facts.rows),
            sifted.rejected_rows,
            self._max_rejected_rate,
        )
        return sifted


def mlama_content_digest(archive: Archive) -> str:
    """SHA-256 over name, size and CRC-32 of all files of all languages."""
    root = _dataset_root(archive)
    return content_digest(archive, _dataset_names(archive, root), root)


def _dataset_names(archive: Archive, root: str) -> list[str]:
    """Files ``<root><language>/<something>.jsonl``, sorted."""
    depth = root.count("/") + 1
    return [
        name
        for name in archive.names
        if name.startswith(root) and name.endswith(".jsonl") and name.count("/") == depth
    ]


def _dataset_root(archive: Archive) -> str:
    """Folder that contains the language folders, '' or ending in '/'."""
    return only_root(
        archive,
        {
            name.removesuffix(f"{PurePosixPath(name).parent.name}/{_TEMPLATES}")
            for name in archive.names
            if name.endswith(f"/{_TEMPLATES}")
        },
        f"mLAMA: no <language>/{_TEMPLATES}",
    )
