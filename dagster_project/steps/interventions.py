"""Interventions: what a model answers when neurons of a fact are suppressed or enhanced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import polars as pl

from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask
from dagster_project.study.schema import EditsBlock

__all__ = ["NEURON_TABLES", "STEP"]

NEURON_TABLES = (
    "knowledge_neurons",
    "attribution_quality",
    "active_neurons",
    "neuron_profiles",
    "unscored_facts",
)
"""Tables of the steps that find neurons."""


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    """The neurons in all edited languages count: facts and neuron sets are chosen by them."""
    block: EditsBlock = place.settings
    neurons = [
        made_from
        for code in block.languages
        for made_from in place.fingerprints(*NEURON_TABLES, language=code)
    ]
    return neurons, asdict(block)


def _edit(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.methods.interventions import (
        EditSettings,
        LanguageNeurons,
        interventions,
        matched_facts,
    )
    from models_gpu.methods.neuron_sets import first_neurons, knowledge_neurons_above

    block: EditsBlock = task.settings
    knowledge = {code: task.read("knowledge_neurons", code) for code in block.languages}
    neurons = {
        code: LanguageNeurons(
            knowledge_neurons_above(rows, block.threshold),
            first_neurons(_active_neurons(task, code), block.active),
        )
        for code, rows in knowledge.items()
    }
    in_all = set.intersection(*(set(rows["fact_id"]) for rows in knowledge.values()))
    facts = task.read("facts").filter(pl.col("fact_id").is_in(sorted(in_all)))
    matched = matched_facts(
        facts.select("fact_id", "relation_id", "object_id"), neurons, block.facts, block.seed
    )
    why_none = task.none_right(*block.languages)
    if in_all:
        why_none = f"no fact has a knowledge neuron that {', '.join(block.languages)} share"
    for language in task.languages:
        rows = interventions(
            task.weights,
            language,
            task.queries(language),
            matched,
            neurons,
            settings=EditSettings(
                block.factors, block.base_language, block.base_factors, block.seed
            ),
            token_budget=task.batch_tokens,
            progress=task.progress(language),
        )
        yield Computed(
            {"interventions": rows}, language, fact_count=len(matched), why_none=why_none
        )


def _active_neurons(task: ModelTask, language: str) -> pl.DataFrame:
    """Rows of ``active_neurons`` over FFN neurons; none where the study has none."""
    if task.study.study.attribution.probeless is None:
        empty = dict.fromkeys(("neuron_rank", "layer_index", "neuron_index"), pl.Int32)
        return pl.DataFrame(schema={"fact_id": pl.String, **empty})
    return task.read("active_neurons", language).filter(pl.col("method_code") == "probeless")


STEP = ModelStep(
    tables=("interventions",),
    code_version="2",
    depends_on=("facts", "fact_labels", "prompts", "knowledge_neurons", "active_neurons"),
    group="lake_neurons",
    block="attribution.edits",
    settings=lambda study: study.attribution.edits,
    languages=lambda study, _: study.edited_languages(study.study.attribution.edits),
    inputs=_inputs,
    compute=_edit,
    needs_all_languages=True,
    wave=2,
)
