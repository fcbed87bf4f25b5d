"""Models that a study names and its warehouse lacks: which, and why.

A model is missing as long as a part of it is: that is read from the lake. Why is a note that the
failing step leaves and the first success takes away; nothing but messages depends on it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from dagster_project.study.home import Home
from dagster_project.study.plan import Plan, State

__all__ = [
    "MissingModel",
    "departed_models",
    "failure_note",
    "forget_failure",
    "missing_models",
    "note_failure",
]

_UNTRIED = "not computed yet"


@dataclass(frozen=True)
class MissingModel:
    """A model of the study that is not computed whole."""

    model_id: str
    """Name of the model in the study."""
    source: str
    """Where it comes from, as the study file has it."""
    missing_part_count: int | None
    """Parts of it that are missing or stale; None where it could not be identified."""
    reason: str
    """Why, in the words of the error."""

    @property
    def told(self) -> str:
        """The reason, with the model's name in front where the error does not say it."""
        is_named = f"model '{self.model_id}'" in self.reason
        return self.reason if is_named else f"model '{self.model_id}': {self.reason}"


def missing_models(plan: Plan, home: Home) -> list[MissingModel]:
    """Models of the study of which a part is missing or stale, in the order of their ids."""
    lacking = {model.id: 0 for model in plan.study.models}
    for part in plan.parts():
        model_id = part.partition.get("model_id")
        if model_id is not None and part.state(home.lake) is not State.DONE:
            lacking[model_id] += 1
    sources = {model.id: model.source for model in plan.study.models}
    found = [
        MissingModel(model_id, sources[model_id], count, failure_note(home, model_id) or _UNTRIED)
        for model_id, count in lacking.items()
        if count
    ]
    found += [
        MissingModel(broken.id, broken.source, None, broken.reason)
        for broken in plan.study.broken_models
    ]
    return sorted(found, key=lambda model: model.model_id)


def departed_models(plan: Plan, home: Home) -> list[str]:
    """Models that left the study and whose answers are still in the lake."""
    named = {block.id for block in plan.study.study.models}
    folder = home.lake / "predictions"
    there = {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()
    return sorted(there - named)


def note_failure(home: Home, model_id: str, reason: str) -> None:
    """Keep why a model could not be computed."""
    home.failures.mkdir(exist_ok=True)
    (home.failures / f"{model_id}.txt").write_text(reason, encoding="utf-8")


def forget_failure(home: Home, model_id: str) -> None:
    """The model was computed, so what kept it is past."""
    (home.failures / f"{model_id}.txt").unlink(missing_ok=True)


def failure_note(home: Home, model_id: str) -> str | None:
    """Why a model could not be computed when that was tried last; None if nothing is known."""
    with contextlib.suppress(OSError):
        return (home.failures / f"{model_id}.txt").read_text(encoding="utf-8")
    return None
