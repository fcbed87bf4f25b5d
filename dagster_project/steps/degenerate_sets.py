"""Degenerate sets: sets of three and more knowledge neurons, suppressed together."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dagster_project.steps.degenerate_pairs import candidates
from dagster_project.steps.interventions import NEURON_TABLES
from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask, settings_of
from dagster_project.study.resolved import ResolvedStudy, StudyModel
from dagster_project.study.schema import DegenerateBlock

__all__ = ["STEP"]


def _languages(study: ResolvedStudy, _model: StudyModel) -> Collection[str]:
    block = study.study.attribution.degenerate
    is_asked = block is not None and block.largest_set > 2
    return study.edited_languages(block) if is_asked else ()


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    settings = settings_of(place.settings, without=("languages", "random_pairs"))
    return place.fingerprints(*NEURON_TABLES), settings


def _search(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.methods.degenerate_sets import degenerate_sets

    block: DegenerateBlock = task.settings
    for language in task.languages:
        tried = candidates(task, language)
        rows = degenerate_sets(
            task.weights,
            task.queries(language),
            tried,
            largest=block.largest_set,
            seed=block.seed,
            token_budget=task.batch_tokens,
            progress=task.progress(language),
        )
        yield Computed(
            {"degenerate_sets": rows},
            language,
            fact_count=len(tried),
            why_none=f"no fact has knowledge neurons in {language}",
        )


STEP = ModelStep(
    tables=("degenerate_sets",),
    code_version="2",
    depends_on=("facts", "fact_labels", "prompts", "knowledge_neurons"),
    group="lake_neurons",
    block="attribution.degenerate",
    settings=lambda study: study.attribution.degenerate,
    languages=_languages,
    inputs=_inputs,
    compute=_search,
    wave=2,
)
