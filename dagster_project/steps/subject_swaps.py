"""Subject swaps: right answers asked again with other texts in the place of their subjects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask
from dagster_project.study.schema import SubjectSwapsBlock

__all__ = ["STEP"]


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    block: SubjectSwapsBlock = place.settings
    settings = {**asdict(block), "swaps": sorted(set(block.swaps))}
    return *place.fingerprints("predictions"), settings


def _swap(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.methods.subject_swaps import subject_swaps
    from models_gpu.settings import SwapSettings

    block: SubjectSwapsBlock = task.settings
    for language in task.languages:
        known = task.known_facts(language)
        rows = subject_swaps(
            task.weights,
            task.queries(language),
            known,
            settings=SwapSettings(block.swaps, block.other_subjects, block.seed),
            token_budget=task.batch_tokens,
            progress=task.progress(language),
        )
        yield Computed(
            {"subject_swaps": rows},
            language,
            fact_count=len(known),
            why_none=task.none_right(language),
        )


STEP = ModelStep(
    tables=("subject_swaps",),
    code_version="2",
    depends_on=("facts", "fact_labels", "prompts", "predictions"),
    group="lake_models",
    block="signals.subject_swaps",
    settings=lambda study: study.signals.subject_swaps,
    inputs=_inputs,
    compute=_swap,
)
