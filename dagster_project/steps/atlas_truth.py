"""Atlas truth: which facts are planted in which language of each Atlas corpus of the study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dagster_project.steps.facts import of_sample, sample_inputs
from dagster_project.steps.step import Computed, StudyStep, StudyTask
from dagster_project.study.resolved import ResolvedStudy
from ingestion.atlas.truth import atlas_truth

__all__ = ["STEP"]


def _inputs(study: ResolvedStudy, partition: Mapping[str, str]) -> tuple[object, ...]:
    (corpus,) = (corpus for corpus in study.corpora if corpus.id == partition["corpus_id"])
    # All languages of an Atlas corpus have the same one.
    inputs = corpus.id, list(corpus.fingerprints.values())[:1]
    return (*inputs, *sample_inputs(study))


def _planted(task: StudyTask) -> Iterator[Computed]:
    for part in task.missing:
        corpus_id = part.partition["corpus_id"]
        rows = of_sample(task, atlas_truth(corpus_id))
        yield Computed({"atlas_truth": rows}, corpus_id=corpus_id)


STEP = StudyStep(
    tables=("atlas_truth",),
    code_version="1",
    depends_on=("facts",),
    group="lake_facts",
    block="facts: {kind: atlas}",
    inputs=_inputs,
    compute=_planted,
)
