"""Knowledge neurons: those that drive a model's answer to known facts, by integrated gradients."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial

import polars as pl

from dagster_project.steps.step import (
    Computed,
    ModelLanguage,
    ModelStep,
    ModelTask,
    details_of_predictions,
    import_neurons,
)
from dagster_project.study.schema import IntegratedGradientsBlock

__all__ = ["STEP", "completeness_warning"]

LOG = logging.getLogger("factroots")

_LARGEST_RESIDUAL = 0.1
"""Default of the dbt variable ``largest_residual``, which decides; this is for warnings alone."""


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    """The predictions in all attributed languages count: the facts are chosen by them."""
    block: IntegratedGradientsBlock = place.settings
    answers = {
        code: next(iter(place.fingerprints("predictions", language=code)), None)
        for code in place.plan.study.knowledge_languages
    }
    return answers, asdict(block.path), block.facts, block.top, block.forced


def _details(place: ModelLanguage) -> dict[str, str]:
    block: IntegratedGradientsBlock = place.settings
    path = block.path
    integral = {"steps": str(path.first_steps), "quadrature": path.quadrature}
    if path.largest_residual is not None:
        integral |= {"tolerance": str(path.largest_residual), "most_steps": str(path.most_steps)}
    return {**details_of_predictions(place), **integral}


def _attribute(task: ModelTask) -> Iterator[Computed]:
    """Attributes the facts that are known in most of the attributed languages."""
    from models_gpu.methods.fact_choice import facts_in_most_languages
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
            settings=block.path,
            top=block.top,
            token_budget=task.batch_tokens,
            progress=task.progress(language),
        )
        if warning := completeness_warning(found.attribution_quality):
            LOG.warning("knowledge_neurons %s/%s: %s", task.model.id, language, warning)
        tables = {table: getattr(found, table) for table in STEP.tables}
        yield Computed(
            tables,
            language,
            fact_count=len(chosen[language]),
            why_none=task.none_chosen(language, known[language]),
        )


def completeness_warning(quality: pl.DataFrame) -> str | None:
    """Say how many facts have attributions that do not add up; None if all do.

    Args:
        quality: rows of ``attribution_quality``.
    """
    residual = pl.col("completeness_residual") / pl.col("baseline_count")
    facts = (
        quality.filter(pl.col("mode_code") != "amig_code")
        .group_by("fact_id")
        .agg(residual.max().alias("residual"))
    )
    inexact = facts.filter(pl.col("residual") > _LARGEST_RESIDUAL)
    if inexact.is_empty():
        return None
    most = max(inexact["residual"].to_list())
    return (
        f"the attributions of {len(inexact):,} of {len(facts):,} facts miss up to "
        f"{most:.2f} of probability in a layer, so these facts get no "
        "knowledge neurons. Set tolerance in attribution.integrated_gradients, or more steps."
    )


_TABLES = ("knowledge_neurons", "attribution_quality")

STEP = ModelStep(
    tables=_TABLES,
    code_version="4",
    depends_on=("facts", "fact_labels", "prompts", "predictions"),
    group="lake_neurons",
    block="attribution.integrated_gradients",
    settings=lambda study: study.attribution.integrated_gradients,
    languages=lambda study, _: study.knowledge_languages,
    inputs=_inputs,
    details=_details,
    compute=_attribute,
    imports=partial(import_neurons, tables=_TABLES),
    wave=1,
)
