"""Degenerate pairs: pairs of knowledge neurons, suppressed one by one and together."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.steps.interventions import NEURON_TABLES
from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask, settings_of
from dagster_project.study.schema import DegenerateBlock

__all__ = ["STEP", "candidates"]


def candidates(task: ModelTask, language: str) -> dict[str, tuple[tuple[int, int], ...]]:
    """The best knowledge neurons (layer, neuron) of each chosen fact, for all set sizes."""
    from models_gpu.methods.neuron_sets import first_neurons
    from models_gpu.seeded import shuffled

    block: DegenerateBlock = task.settings
    found = first_neurons(task.read("knowledge_neurons", language), block.candidates)
    return {fact: found[fact] for fact in shuffled(found, block.seed, "fact")[: block.facts]}


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    settings = settings_of(place.settings, without=("languages", "largest_set"))
    return place.fingerprints(*NEURON_TABLES), settings


def _suppress(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.methods.degenerate_pairs import degenerate_pairs

    block: DegenerateBlock = task.settings
    for language in task.languages:
        tried = candidates(task, language)
        rows = degenerate_pairs(
            task.weights,
            task.queries(language),
            tried,
            random_pairs=block.random_pairs,
            seed=block.seed,
            token_budget=task.batch_tokens,
            progress=task.progress(language),
        )
        yield Computed(
            {"degenerate_pairs": rows},
            language,
            fact_count=len(tried),
            why_none=f"no fact has knowledge neurons in {language}",
        )


STEP = ModelStep(
    tables=("degenerate_pairs",),
    code_version="3",
    depends_on=("facts", "fact_labels", "prompts", "knowledge_neurons"),
    group="lake_neurons",
    block="attribution.degenerate",
    settings=lambda study: study.attribution.degenerate,
    languages=lambda study, _: study.edited_languages(study.study.attribution.degenerate),
    inputs=_inputs,
    compute=_suppress,
    wave=2,
)
