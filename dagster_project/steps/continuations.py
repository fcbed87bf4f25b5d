"""Continuations: what a causal model writes after each prompt, and whether it names the object."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask, settings_of
from dagster_project.study.schema import ContinuationBlock
from ingestion.facts.answers import name_offsets

__all__ = ["STEP"]


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    study = place.plan.study
    facts = place.fingerprints("facts", "fact_labels")
    names = study.aliases_fingerprint, study.study.tracing.chinese
    return facts, place.model.fingerprint, names, settings_of(place.settings)


def _continue(task: ModelTask) -> Iterator[Computed]:
    """Continues every prompt; a masked model writes nothing, and has no rows."""
    from models_gpu.lake_rows import lake_rows
    from models_gpu.methods.continuations import continuations

    block: ContinuationBlock = task.settings
    objects = task.read("facts").select("fact_id", "object_id")
    aliases = task.aliases()
    for language in task.languages:
        facts = task.queries(language).join(objects, on="fact_id", validate="1:1")
        texts = continuations(
            task.weights,
            facts,
            block.tokens,
            token_budget=task.batch_tokens,
            progress=task.progress(language),
        )
        found = name_offsets(
            texts.join(facts.select("fact_id", "object_id", "object_label"), on="fact_id"),
            language,
            aliases.filter(pl.col("language_code") == language),
            task.study.study.tracing.chinese,
        )
        rows = lake_rows("continuations", [found])
        yield Computed(
            {"continuations": rows},
            language,
            fact_count=rows.height,
            why_none="a masked model writes nothing",
        )


STEP = ModelStep(
    tables=("continuations",),
    code_version="1",
    depends_on=("facts", "fact_labels", "prompts", "models"),
    libraries=("opencc",),
    group="lake_models",
    block="answers.continuation",
    settings=lambda study: study.continuation,
    inputs=_inputs,
    compute=_continue,
)
