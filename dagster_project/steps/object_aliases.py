"""Object aliases: other names of every object, as the tokenizer of each model splits them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import polars as pl

from dagster_project.steps.step import LOG, Computed, ModelLanguage, ModelStep, ModelTask
from dagster_project.study.schema import ATLAS_ALIASES
from ingestion.tracing.names import rows_left_out
from models_gpu.loading.tokenizers import tokenizer_hash

__all__ = ["STEP"]


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    facts = place.fingerprints("facts", "fact_labels")
    return facts, place.model.fingerprint, place.plan.study.aliases_fingerprint


@cache
def _warn_of_others(told: str) -> None:
    """Warn once, and not for each model."""
    if told:
        LOG.warning("aliases: %s", told)


def _split(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.loading.load import without_weights
    from models_gpu.methods.object_aliases import object_aliases

    weights = without_weights(task.model.resolved)
    task = replace(task, loaded=weights)
    objects = task.read("facts").select("fact_id", "object_id")
    aliases = task.aliases()
    if task.study.study.tracing.aliases != ATLAS_ALIASES:
        _warn_of_others(rows_left_out(aliases, task.study.languages, task.read("facts")))
    for language in task.languages:
        facts = task.queries(language).join(objects, on="fact_id", validate="1:1")
        own = aliases.filter(pl.col("language_code") == language)
        rows = object_aliases(weights, facts, own)
        yield Computed(
            {"object_aliases": rows},
            language,
            fact_count=rows["fact_id"].n_unique(),
            why_none=f"no object has an alias in {language}",
            details={"tokenizer_hash": tokenizer_hash(weights.tokenizer)},
        )


STEP = ModelStep(
    tables=("object_aliases",),
    code_version="1",
    depends_on=("facts", "fact_labels", "prompts", "models"),
    group="lake_models",
    block="tracing.aliases",
    settings=lambda study: study.tracing.aliases,
    inputs=_inputs,
    compute=_split,
    needs_weights=False,
)
