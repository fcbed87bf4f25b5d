"""Active neurons: those that stand out for the facts that a model knows, by PROBELESS."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask
from dagster_project.study.schema import ProbelessBlock
from models_gpu.lake_rows import lake_rows
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


def _import(task: ModelTask) -> Iterator[Computed]:
    """Takes the neurons as they are; others publish neither profiles nor why a fact has none."""
    others = {table: lake_rows(table, []) for table in STEP.tables[1:]}
    for language, rows in task.imported(STEP.name):
        tables = {STEP.name: rows, **others}
        why_none = f"the file has no row about a fact of {language}"
        yield Computed(tables, language, fact_count=rows["fact_id"].n_unique(), why_none=why_none)


STEP = ModelStep(
    tables=("active_neurons", "neuron_profiles", "unscored_facts"),
    code_version="2",
    depends_on=("facts", "fact_labels", "prompts", "predictions"),
    group="lake_neurons",
    settings=lambda study: study.attribution.probeless,
    inputs=_inputs,
    compute=_rank,
    imports=_import,
)
