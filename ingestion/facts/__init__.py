"""Reads facts in many languages into lake tables: published data sets, or your own CSV or Parquet.

This module opens a source. Each format has its own module; ``sifting`` decides which lines are
accepted. What does not belong here: writing to the lake.
"""

from __future__ import annotations

import os
from pathlib import Path

from ingestion.facts.archive import open_archive
from ingestion.facts.bmlama import BmlamaSource
from ingestion.facts.download import Progress, fetch_mlama
from ingestion.facts.klar import KlarSource
from ingestion.facts.merging import merge_facts, relations_table
from ingestion.facts.mlama import MlamaSource
from ingestion.facts.mpararel import MpararelSource
from ingestion.facts.popqa import PopqaSource
from ingestion.facts.source import (
    FACT_KINDS,
    FactsError,
    FactSource,
    FactsSettings,
    LanguageFacts,
)
from ingestion.facts.table import TableSource
from ingestion.text import did_you_mean

__all__ = [
    "FactSource",
    "FactsError",
    "FactsSettings",
    "LanguageFacts",
    "default_cache_folder",
    "merge_facts",
    "open_facts",
    "relations_table",
]


def default_cache_folder() -> Path:
    """Folder for downloads: ``$XDG_CACHE_HOME/factroots``, by default ``~/.cache/factroots``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "factroots"


def open_facts(
    settings: FactsSettings,
    cache_folder: Path | None = None,
    on_progress: Progress | None = None,
) -> FactSource:
    """Open a study's facts.

    Args:
        settings: layout and path of the facts; no path means the official mLAMA download.
        cache_folder: folder for the download; ``default_cache_folder()`` by default.
        on_progress: called during a download with the bytes received and the bytes in total.

    Raises:
        FactsError: the settings are invalid, or the data cannot be found, downloaded or opened.
        RestrictedError: a file does not lie in the folder of a restricted study.
    """
    if settings.kind not in FACT_KINDS:
        raise FactsError(
            f"facts of kind '{settings.kind}' are unknown"
            f"{did_you_mean(settings.kind, FACT_KINDS)} Known kinds: {', '.join(FACT_KINDS)}."
        )
    if not 0 <= settings.max_rejected_rate <= 1:
        raise FactsError(
            f"max_rejected_rate is {settings.max_rejected_rate}; it must be between 0 and 1."
        )
    path = settings.path
    if settings.kind == "mlama":
        if path is None:
            # The download lies in this machine's cache; the study does not name it.
            cache = cache_folder or default_cache_folder()
            fetched = open_archive(fetch_mlama(cache, on_progress=on_progress))
            return MlamaSource(fetched, settings.max_rejected_rate)
        return MlamaSource(open_archive(path, settings.within), settings.max_rejected_rate)
    if path is None:
        raise FactsError(
            f"facts of kind '{settings.kind}' need a path; only mlama can be downloaded."
        )
    if settings.kind in ("table", "popqa"):
        read_file = TableSource if settings.kind == "table" else PopqaSource
        return read_file(path, settings.max_rejected_rate, settings.within)
    archive = open_archive(path, settings.within)
    if settings.kind == "mpararel":
        return MpararelSource(archive, settings.max_rejected_rate)
    if settings.kind == "klar":
        return KlarSource(archive, settings.max_rejected_rate)
    return BmlamaSource(archive, settings.max_rejected_rate)
