"""Models of a study that the warehouse lacks, and why.

A model is missing as long as one of its parts is missing or stale in the lake. The reason is the
note of the step that failed (``dagster_project.study.failures``).
"""

from __future__ import annotations

from dataclasses import dataclass

from dagster_project.steps.plan import Plan, State
from dagster_project.study.failures import failure_note
from dagster_project.study.home import Home

__all__ = ["MissingModel", "missing_models"]

_UNTRIED = "not computed yet"


@dataclass(frozen=True)
class MissingModel:
    """A model of the study that is not completely computed."""

    model_id: str
    """Name of the model in the study."""
    source: str
    """Where it comes from, as the study file has it."""
    missing_part_count: int | None
    """Parts of it that are missing or stale; None where it could not be identified."""
    reason: str
    """Why, in the words of the error."""

    @property
    def message(self) -> str:
        """The reason, with the model's name in front where the reason does not contain it."""
        is_named = f"model '{self.model_id}'" in self.reason
        return self.reason if is_named else f"model '{self.model_id}': {self.reason}"


def missing_models(plan: Plan, home: Home) -> list[MissingModel]:
    """Models of the study with a part that is missing or stale, in the order of their ids."""
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
