"""Popularity of facts: how often people look up subject and object, where the data set says it."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.steps.step import Computed, StudyStep, StudyTask
from ingestion.facts.popqa import PopqaSource

__all__ = ["STEP"]


def _read(task: StudyTask) -> Iterator[Computed]:
    source = task.study.whole_facts
    assert isinstance(source, PopqaSource), "the step is part of no other study"
    facts = task.read_part("facts", {}).select("fact_id")
    rows = source.popularity().join(facts, on="fact_id", how="semi")
    yield Computed({"fact_popularity": rows})


STEP = StudyStep(
    tables=("fact_popularity",),
    code_version="1",
    depends_on=("facts",),
    group="lake_facts",
    block="facts: {kind: popqa}",
    is_part_of=lambda study: study.facts.kind == "popqa",
    inputs=lambda study, _: (study.facts_fingerprints,),
    compute=_read,
)
