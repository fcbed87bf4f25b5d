"""Remaining: how long the parts of models take that are not computed yet.

What belongs here: guessing the time of a part, from finished parts and from what its step does.
What does not: the part at work (``dagster_project.runtime.reports``), the time of a study before it
runs (``dagster_project.runtime.estimate``).
"""

from __future__ import annotations

from collections import defaultdict

from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.plan import Part, State
from dagster_project.steps.registry import STEP_OF_TABLE
from dagster_project.steps.step import ModelStep
from ingestion.lake import read_provenance

__all__ = ["Remaining"]

_PASSES = {
    "predictions": 1,
    "wording_predictions": 4,
    "object_rankings": 3,
    "continuations": 2,
    "active_neurons": 0.5,
    "wording_neurons": 2.5,
    "knowledge_neurons": 30,
    "fact_checks": 100,
    "interventions": 100,
    "degenerate_pairs": 300,
    "degenerate_sets": 300,
}
"""About how many forward passes a step makes per fact, or per fact and step of the integral; 5
where nothing is said. Finished parts replace this guess by their time."""
_INTEGRALS = ("knowledge_neurons", "fact_checks")


class Remaining:
    """The parts of models that a study lacks, as the lake stands when this is made."""

    def __init__(self, workspace: Workspace, step_name: str, model_id: str) -> None:
        self._workspace, self._own = workspace, (step_name, model_id)
        self._todo: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        """(Step, model) → language → forward passes."""
        self._seconds: dict[tuple[str, str], float] = defaultdict(float)
        self._passes: dict[tuple[str, str], float] = defaultdict(float)
        files = {model.id: model.files for model in workspace.plan.study.models}
        for part in workspace.plan.parts():
            step = STEP_OF_TABLE.get(part.table)
            if not isinstance(step, ModelStep) or step.name in files[part.partition["model_id"]]:
                continue
            if part.table == step.name and step.needs_weights:
                self._add(part, step)

    def _add(self, part: Part, step: ModelStep) -> None:
        key, language = (step.name, part.partition["model_id"]), part.partition["language_code"]
        passes = self._passes_of(step, language)
        if part.state(self._workspace.home.lake) is not State.DONE:
            self._todo[key][language] = passes
        elif (made_by := read_provenance(part.path(self._workspace.home.lake))) is not None:
            self._seconds[key] += made_by.duration_seconds
            self._passes[key] += passes

    def _passes_of(self, step: ModelStep, language: str) -> float:
        labels = self._workspace.plan.part("fact_labels", {"language_code": language})
        made_by = read_provenance(labels.path(self._workspace.home.lake))
        facts = made_by.row_count if made_by is not None else 0
        most = getattr(step.settings(self._workspace.study), "facts", None)
        integral = self._workspace.study.attribution.integrated_gradients
        times = integral.path.first_steps if integral is not None and step.name in _INTEGRALS else 1
        # A step that takes the facts of its block takes at most those of the language.
        return _PASSES.get(step.name, 5) * times * float(min(facts, most) if most else facts)

    def others(self, language: str, whole: float) -> float:
        """Seconds for all parts but one, which is at work and leaves this list.

        Args:
            language: language of the part at work, of the step and model of this object.
            whole: seconds that this part takes in all.
        """
        own = self._todo[self._own]
        passes = own.get(language, 0.0)
        if language in own:
            for done in [code for code in own if code != language and self._is_done(code)]:
                del own[done]
        known = sum(self._passes.values())
        each = sum(self._seconds.values()) / known if known else whole / max(passes, 1.0)
        seconds = 0.0
        for key, wanted in self._todo.items():
            rate = self._seconds[key] / self._passes[key] if self._passes[key] else each
            if key == self._own and passes:
                rate = whole / passes
            seconds += rate * sum(
                n for code, n in wanted.items() if (key, code) != (self._own, language)
            )
        return seconds

    def _is_done(self, language: str) -> bool:
        owner = {"model_id": self._own[1], "language_code": language}
        part = self._workspace.plan.part(self._own[0], owner)
        return part.state(self._workspace.home.lake) is State.DONE
