"""Knowledge neurons: those that drive a model's answer to known facts, by integrated gradients."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask
from dagster_project.study.schema import IntegratedGradientsBlock

__all__ = ["STEP"]


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    """The predictions in all attributed languages count: the facts are chosen by them."""
    block: IntegratedGradientsBlock = place.settings
    answers = {
        code: place.fingerprints("predictions", language=code)[0]
        for code in place.plan.study.knowledge_languages
    }
    settings = (block.mode, block.steps, block.quadrature, block.facts, block.top, block.forced)
    return answers, settings


def _details(place: ModelLanguage) -> dict[str, str]:
    block: IntegratedGradientsBlock = place.settings
    integral = {"steps": str(block.steps), "quadrature": block.quadrature}
    return {**place.part("predictions").details, **integral}


def _attribute(task: ModelTask) -> Iterator[Computed]:
    """Attributes the facts that are known in most of the attributed languages."""
    from models_gpu.methods.fact_choice import facts_in_most_languages
    from models_gpu.methods.integration_paths import PathSettings
    from models_gpu.methods.knowledge_neurons import knowledge_neurons

    block: IntegratedGradientsBlock = task.settings
    known = {
        language: task.known_facts(language, block.forced)
        for language in task.study.knowledge_languages
    }
    chosen = facts_in_most_languages(known, block.facts)
    for language in task.languages:
        found = knowledge_neurons(
            task.weights,
            task.queries(language),
            chosen[language],
            settings=PathSettings(block.mode, block.steps, block.quadrature),
            top=block.top,
            token_budget=task.batch_tokens,
            progress=task.progress(language),
        )
        tables = {table: getattr(found, table) for table in STEP.tables}
        yield Computed(tables, language, fact_count=len(chosen[language]))


STEP = ModelStep(
    tables=("knowledge_neurons", "attribution_quality"),
    code_version="2",
    depends_on=("facts", "fact_labels", "prompts", "predictions"),
    group="lake_neurons",
    settings=lambda study: study.attribution.integrated_gradients,
    languages=lambda study, _: study.knowledge_languages,
    inputs=_inputs,
    details=_details,
    compute=_attribute,
    wave=1,
)
