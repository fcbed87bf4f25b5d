"""Facts in many languages, read into lake tables: mLAMA, BMLAMA, or your own CSV or Parquet.

This module opens a source; each format has a module of its own, and what makes a line acceptable
is in ``sifting`` for all of them. Nothing here writes to the lake.
"""

from __future__ import annotations

import os
from pathlib import Path

from ingestion.facts.archive import open_archive
from ingestion.facts.bmlama import BmlamaSource
from ingestion.facts.download import Progress, fetch_mlama
from ingestion.facts.merging import merge_facts, relations_table
from ingestion.facts.mlama import MlamaSource
from ingestion.facts.source import (
    FACT_KINDS,
    FactsError,
    FactSource,
    FactsSettings,
    LanguageFacts,
    near_matches,
)
from ingestion.facts.table import TableSource

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
    """``$XDG_CACHE_HOME/factroots``, by default ``~/.cache/factroots``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "factroots"


def open_facts(
    settings: FactsSettings,
    cache_folder: Path | None = None,
    on_progress: Progress | None = None,
) -> FactSource:
    """Open a study's facts.

    Args:
        settings: Which layout, and where; no path means the official mLAMA download.
        cache_folder: Where a download is kept; ``default_cache_folder()`` by default.
        on_progress: Called during a download with the bytes at hand and in all.

    Raises:
        FactsError: The settings make no sense, or the data cannot be found, fetched or opened.
    """
    if settings.kind not in FACT_KINDS:
        raise FactsError(
            f"facts of kind '{settings.kind}' are unknown"
            f"{near_matches(settings.kind, FACT_KINDS)} There are: {', '.join(FACT_KINDS)}."
        )
    if not 0 <= settings.max_rejected_rate <= 1:
        raise FactsError(
            f"max_rejected_rate is {settings.max_rejected_rate}; it is a share, from 0 to 1."
        )
    path = settings.path
    if settings.kind == "mlama":
        path = path or fetch_mlama(cache_folder or default_cache_folder(), on_progress=on_progress)
        return MlamaSource(open_archive(path), settings.max_rejected_rate)
    if path is None:
        raise FactsError(f"facts of kind '{settings.kind}' need a path; only mlama has a download.")
    if settings.kind == "bmlama":
        return BmlamaSource(open_archive(path), settings.max_rejected_rate)
    return TableSource(path, settings.max_rejected_rate)
