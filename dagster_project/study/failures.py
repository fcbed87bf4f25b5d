"""Notes on models that failed, and the models that left the study.

A step that fails leaves a note with the reason; the next success deletes it. Only messages depend
on these notes: whether a model is complete is read from the lake (``runtime.missing``).
"""

from __future__ import annotations

import contextlib

from dagster_project.study.home import Home
from dagster_project.study.schema import Study

__all__ = ["clear_failure", "failure_note", "record_failure", "removed_models"]


def removed_models(study: Study, home: Home) -> list[str]:
    """Models that left the study and whose answers are still in the lake."""
    named = {block.id for block in study.models}
    folder = home.lake / "predictions"
    there = {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()
    return sorted(there - named)


def record_failure(home: Home, model_id: str, reason: str) -> None:
    """Writes down why a model could not be computed."""
    home.failures.mkdir(exist_ok=True)
    (home.failures / f"{model_id}.txt").write_text(reason, encoding="utf-8")


def clear_failure(home: Home, model_id: str) -> None:
    """Deletes the recorded failure of a model."""
    (home.failures / f"{model_id}.txt").unlink(missing_ok=True)


def failure_note(home: Home, model_id: str) -> str | None:
    """Why a model could not be computed when that was last tried; None if there is no note."""
    with contextlib.suppress(OSError):
        return (home.failures / f"{model_id}.txt").read_text(encoding="utf-8", errors="replace")
    return None
