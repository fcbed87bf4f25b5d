"""Active neurons: those that stand out for the facts that a model knows, by PROBELESS."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask, import_neurons
from dagster_project.study.schema import ProbelessBlock
from models_gpu.settings import ProbelessSettings

__all__ = ["STEP", "variants_of"]


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    block: ProbelessBlock = place.settings
    settings = (block.top, sorted(block.variants), block.bins, block.forced)
    return *place.fingerprints("predictions"), settings


def variants_of(block: ProbelessBlock) -> list[ProbelessSettings]:
    """Settings of the method, one per variant of the study."""
    return [
        ProbelessSettings(
            top=block.top,
            neuron="layer_output" if variant.startswith("layer_output") else "ffn",
            is_normalised=variant.endswith("normalised"),
            bins=block.bins,
        )
        for variant in block.variants
    ]


def _rank(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.methods.probeless import probeless

    block: ProbelessBlock = task.settings
    for language in task.languages:
        known = task.known_facts(language, block.forced)
        found = probeless(
            task.weights,
            task.queries(language),
            known,
            settings=variants_of(block),
            token_budget=task.batch_tokens,
            progress=task.progress(language),
        )
        tables = {table: getattr(found, table) for table in STEP.tables}
        yield Computed(tables, language, fact_count=len(known), why_none=task.none_right(language))


_TABLES = ("active_neurons", "neuron_profiles", "unscored_facts")

STEP = ModelStep(
    tables=_TABLES,
    code_version="2",
    depends_on=("facts", "fact_labels", "prompts", "predictions"),
    group="lake_neurons",
    block="attribution.probeless",
    settings=lambda study: study.attribution.probeless,
    inputs=_inputs,
    compute=_rank,
    imports=partial(import_neurons, tables=_TABLES),
)
