"""Name cues: does the subject's name give the object away, after transliteration?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dagster_project.steps import facts
from dagster_project.steps.step import Computed, StudyStep, StudyTask
from dagster_project.study.resolved import ResolvedStudy
from ingestion.tracing import name_cues

__all__ = ["STEP"]


def _inputs(study: ResolvedStudy, _partition: Mapping[str, str]) -> tuple[object, ...]:
    """The facts of all languages count: they say which objects of a subject are true."""
    return study.study.facts.kind, study.facts_fingerprints, facts.STEP.code_version


def _compare(task: StudyTask) -> Iterator[Computed]:
    known = task.read_part("facts", {})
    for part in task.missing:
        language = part.partition["language_code"]
        labels = task.read_part("fact_labels", part.partition)
        yield Computed({"name_cues": name_cues(labels, known, language)}, language)


STEP = StudyStep(
    tables=("name_cues",),
    code_version="1",
    depends_on=("facts", "fact_labels"),
    group="lake_facts",
    libraries=("anyascii",),
    inputs=_inputs,
    compute=_compare,
)
