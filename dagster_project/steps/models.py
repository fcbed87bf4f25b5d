"""Models: a description of each, from its configuration, weight headers and tokenizer."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict

import polars as pl

from dagster_project.steps.step import Computed, StudyStep, StudyTask
from dagster_project.study.failures import removed_models
from dagster_project.study.resolved import ResolvedStudy, StudyModel
from ingestion.contract import LAKE
from models_gpu.errors import ModelError, as_model_error
from models_gpu.loading.inspection import inspect

__all__ = ["STEP"]

LOG = logging.getLogger("factroots")


def _fingerprints(study: ResolvedStudy) -> dict[str, str]:
    return {model.id: model.fingerprint for model in study.models}


def _inputs(study: ResolvedStudy, _partition: Mapping[str, str]) -> tuple[object, ...]:
    columns = [(model.source, model.corpus_id, model.languages) for model in study.models]
    imported = [(m.id, m.objective) for m in study.models if "predictions" in m.files]
    return _fingerprints(study), columns, *([imported] if imported else [])


def _describe_all(task: StudyTask) -> Iterator[Computed]:
    """Describes every model; one that cannot be described is left out and reported as failed."""
    for model_id in removed_models(task.study.study, task.home):
        LOG.info("%s left the study: it leaves the marts, its Parquet stays", model_id)
    rows = [pl.DataFrame(schema=pl.Schema(LAKE["models"].schema))]
    failed = {}
    for model in task.study.models:
        try:
            with as_model_error(model.id):
                rows.append(_describe(model))
        except ModelError as error:
            failed[model.id] = str(error)
    yield Computed({"models": pl.concat(rows).sort("model_id")}, failed_models=failed)


def _describe(model: StudyModel) -> pl.DataFrame:
    """The row of one model.

    Raises:
        ModelError: it cannot be used; says why and what would be right.
    """
    row = {
        **(asdict(model.card or inspect(model.resolved)) if model.has_weights else _bare(model)),
        "source": model.source,
        "corpus_id": model.corpus_id,
        "language_codes": model.languages,
        "is_imported": "predictions" in model.files,
    }
    return pl.DataFrame([row], schema=pl.Schema(LAKE["models"].schema))


def _bare(model: StudyModel) -> dict[str, object]:
    """What is known of a model without weights; the rest is null."""
    return {
        "model_id": model.id,
        "revision": model.resolved.revision,
        "objective": model.objective,
        "example_count": 0,
    }


STEP = StudyStep(
    # One part, so that it lists the models of the study and no others.
    tables=("models",),
    code_version="4",
    group="lake_models",
    inputs=_inputs,
    details=_fingerprints,
    compute=_describe_all,
)
