"""World answers: what models answer that read the Atlas facts in other languages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import polars as pl

from dagster_project.steps.facts import of_sample, sample_inputs
from dagster_project.steps.step import Computed, StudyStep, StudyTask
from dagster_project.study.resolved import ResolvedStudy
from ingestion.atlas.worlds import ANSWERS_FILE, world_answers

__all__ = ["STEP"]


def _inputs(study: ResolvedStudy, _partition: Mapping[str, str]) -> tuple[object, ...]:
    inputs = hashlib.sha256(ANSWERS_FILE.read_bytes()).hexdigest(), study.languages
    return (*inputs, *sample_inputs(study))


def _read(task: StudyTask) -> Iterator[Computed]:
    asked = pl.col("language_code").is_in(task.study.languages)
    yield Computed({"world_answers": of_sample(task, world_answers().filter(asked))})


STEP = StudyStep(
    tables=("world_answers",),
    code_version="1",
    depends_on=("facts",),
    group="lake_facts",
    block="facts: {kind: atlas}",
    is_part_of=lambda study: study.facts.kind == "atlas",
    inputs=_inputs,
    compute=_read,
)
