"""Runs steps: finds the parts to compute, calls the compute function, writes what it yields.

Which rows a step computes belongs in ``dagster_project.steps``; nothing here knows Dagster.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from dagster_project.runtime.remaining import Remaining
from dagster_project.runtime.reports import Reports
from dagster_project.runtime.workers import LostWorkerError, Workers, WorkersError, shares
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.libraries import RECORDED, versions
from dagster_project.steps.plan import Part
from dagster_project.steps.registry import STEP_OF_TABLE
from dagster_project.steps.step import (
    Computed,
    CorpusStep,
    CorpusTask,
    ModelStep,
    ModelTask,
    Step,
    StudyStep,
    StudyTask,
)
from dagster_project.study.failures import clear_failure, record_failure
from dagster_project.study.resolved import StudyCorpus, StudyModel
from ingestion.errors import FactrootsError, first_line, is_of_input
from ingestion.lake import LakeError
from models_gpu.errors import ModelError, as_model_error

__all__ = ["ModelsFailedError", "compute_corpora", "compute_models", "compute_study"]

LOG = logging.getLogger("factroots")

Owners = Mapping[str, Sequence[str]]
"""Model or corpus → languages."""


class ModelsFailedError(FactrootsError):
    """Some models could not be computed; all others were."""


def compute_study(workspace: Workspace, step: StudyStep) -> list[Part]:
    """Brings the parts of a study step up to date.

    Returns:
        All parts of the step, as they are on disk now.

    Raises:
        LakeError, OSError: the lake cannot be read or written.
    """
    parts = {part.label: part for part in workspace.plan.parts() if part.table in step.tables}
    missing = workspace.unfinished(parts.values())
    if not missing:
        return list(parts.values())
    task = StudyTask(workspace.plan.study, workspace.home, tuple(missing), workspace.read)
    for part in _write_all(workspace, step, step.compute(task), {}):
        parts[part.label] = part
    return list(parts.values())


def compute_models(
    workspace: Workspace, workers: Workers, step: ModelStep, chosen: Owners
) -> Iterator[Part]:
    """Brings the chosen models up to date in the chosen languages; yields the finished parts.

    A model that fails does not stop the others.

    Args:
        workspace: the study.
        workers: who computes; each of them takes some of a model's languages.
        step: what is computed.
        chosen: models with their languages.

    Raises:
        ModelsFailedError: models failed; all others were computed first. Its cause is the first
            error that nobody foresaw.
        LakeError, OSError: the lake cannot be written or read.
        WorkersError: the workers cannot be used.
    """
    failed: list[str] = []
    unexpected: Exception | None = None
    for model in workspace.plan.study.models:
        languages = _asked(workspace, step, {"model_id": model.id}, chosen.get(model.id, ()))
        if not languages:
            continue
        try:
            _share_out(workspace, workers, step, model, languages)
        except (LakeError, OSError, WorkersError):
            # The disk or the cluster failed, not the model: the next model would fail as well.
            raise
        except Exception as error:
            is_explained = isinstance(error, ModelError | LostWorkerError)
            reason = str(error) if is_explained else repr(error)
            unexpected = unexpected or (None if is_explained else error)
            LOG.error("%s: %s", model.id, reason)
            record_failure(workspace.home, model.id, reason)
            failed.append(f"{model.id}: {reason}")
            continue
        if step.needs_weights:
            clear_failure(workspace.home, model.id)
        for language in languages:
            yield from _parts_of(workspace, step, {"model_id": model.id}, language)
    if failed:
        raise ModelsFailedError("; ".join(failed)) from unexpected


def compute_corpora(
    workspace: Workspace, workers: Workers, step: CorpusStep, chosen: Owners
) -> Iterator[Part]:
    """Brings the chosen corpora up to date in the chosen languages; yields the finished parts.

    Args:
        workspace: the study.
        workers: who reads the corpora.
        step: what is computed.
        chosen: corpora with their languages.

    Raises:
        CorpusError: a file cannot be read.
        LakeError, OSError: the lake cannot be written or read.
        WorkersError: the workers cannot be used.
    """
    for corpus in workspace.plan.study.corpora:
        owner = {"corpus_id": corpus.id}
        languages = _asked(workspace, step, owner, chosen.get(corpus.id, ()))
        todo = _unfinished(workspace, step, owner, languages)
        if todo:
            _compute_corpus(workspace, workers, step, corpus, todo)
        for language in languages:
            yield from _parts_of(workspace, step, owner, language)


def _compute_corpus(
    workspace: Workspace,
    workers: Workers,
    step: CorpusStep,
    corpus: StudyCorpus,
    languages: tuple[str, ...],
) -> None:
    study, home = workspace.plan.study, workspace.home
    task = CorpusTask(study, home, corpus, languages, workers, workspace.read)
    for _ in _write_all(workspace, step, step.compute(task), {"corpus_id": corpus.id}):
        pass


def _share_out(
    workspace: Workspace,
    workers: Workers,
    step: ModelStep,
    model: StudyModel,
    languages: Sequence[str],
) -> None:
    """Gives each worker one share of the languages, since each has to load the model."""
    count = workers.count(is_of_model=step.needs_weights)
    taken = [list(languages)]
    if count > 1:
        todo = _unfinished(workspace, step, {"model_id": model.id}, languages)
        sizes = {language: _fact_count(workspace, language) for language in todo}
        taken = shares(sizes, count)
    shared = workers.put((workspace.for_workers(), step.name, model))
    tasks = ((shared, share) for share in taken)
    for _ in workers.each(_compute_share, tasks, is_of_model=step.needs_weights):
        pass


def _fact_count(workspace: Workspace, language: str) -> int:
    labels = workspace.plan.part("fact_labels", {"language_code": language})
    return workspace.written(labels).provenance.row_count


def _compute_share(shared: tuple[Workspace, str, StudyModel], languages: Sequence[str]) -> None:
    """Computes the languages of a model that a worker was given.

    Raises:
        ModelError: the model cannot be loaded or run. Languages that were finished stay.
    """
    workspace, step_name, model = shared
    # By name: a step holds functions that cannot be sent to another process.
    step = STEP_OF_TABLE[step_name]
    assert isinstance(step, ModelStep), "sent by _share_out"
    owner = {"model_id": model.id}
    todo = _unfinished(workspace, step, owner, languages)
    if not todo:
        return
    is_imported = step.name in model.files
    loaded, details = None, {} if is_imported else versions(tuple(RECORDED))
    if step.needs_weights and not is_imported:
        # torch takes seconds to import.
        from models_gpu.loading.load import load

        with as_model_error(model.id):
            loaded = load(model.resolved)
        details = {**details, "device": str(loaded.device)}
    study = workspace.plan.study
    settings = step.settings(study.study)
    label = f"{step.name} {model.id}"
    # Reading what is finished takes a while, and a short step never says how long the others take.
    remaining = functools.cache(lambda: Remaining(workspace, step.name, model.id))
    try:
        with Reports(lambda language, whole: remaining().others(language, whole)) as reports:
            task = ModelTask(
                study, settings, model, loaded, todo, label, workspace.read, reports.progress
            )
            work = step.imports if is_imported else step.compute
            assert work is not None, "a file is read for steps that can import it"
            for _ in _write_all(workspace, step, work(task), owner, details):
                pass
    except BaseException as error:
        if isinstance(error, Exception) or not is_of_input(error):
            raise
        # A panic of a Rust library: a worker could not send it.
        raise ModelError(
            f"model '{model.id}': {type(error).__name__}: {first_line(error)}"
        ) from error


def _write_all(
    workspace: Workspace,
    step: Step,
    results: Iterator[Computed],
    owner: Mapping[str, str],
    details: Mapping[str, str] | None = None,
) -> Iterator[Part]:
    """Writes everything that a compute function yields, and yields the parts written."""
    since = time.perf_counter()
    for result in results:
        started = since if result.started is None else result.started
        made_with = {**(details or {}), **result.details}
        for table, rows in result.tables.items():
            part = workspace.plan.part(table, {**owner, **result.partition})
            if result.failed_models:
                part = _incomplete(workspace, part, result.failed_models)
            own: dict[str, Any] = {name: pl.lit(value) for name, value in part.partition.items()}
            workspace.write(part, rows.with_columns(**own), started, made_with)
            yield part
        if result.fact_count is not None:
            _log(step, owner, result, time.perf_counter() - started)
        since = time.perf_counter()


def _incomplete(workspace: Workspace, part: Part, failed: Mapping[str, str]) -> Part:
    """Notes why models are left out of a part, and changes its fingerprint so it stays stale."""
    for model_id, reason in failed.items():
        LOG.error("%s: %s", model_id, reason)
        record_failure(workspace.home, model_id, reason)
    return replace(part, fingerprint=f"{part.fingerprint}-without-{'-'.join(failed)}")


def _log(step: Step, owner: Mapping[str, str], result: Computed, seconds: float) -> None:
    place = "/".join((*owner.values(), *result.partition.values()))
    count = result.fact_count or 0
    if not count and result.why_none:
        LOG.info("%s %s: nothing to do: %s", step.name, place, result.why_none)
        return
    rate = count / max(seconds, 0.001)
    LOG.info("%s %s: %s facts, %.1f s, %s facts/s",
             step.name, place, f"{count:,}", seconds, f"{rate:,.{int(rate < 10)}f}")  # fmt: skip


def _parts_of(
    workspace: Workspace, step: Step, owner: Mapping[str, str], language: str
) -> list[Part]:
    return workspace.plan.parts_of(step.tables, {**owner, "language_code": language})


def _asked(
    workspace: Workspace, step: Step, owner: Mapping[str, str], languages: Sequence[str]
) -> list[str]:
    """Languages in which the study has parts of the step."""
    return [code for code in languages if _parts_of(workspace, step, owner, code)]


def _unfinished(
    workspace: Workspace, step: Step, owner: Mapping[str, str], languages: Sequence[str]
) -> tuple[str, ...]:
    """Languages in which a part of the step has to be computed."""
    return tuple(
        code for code in languages if workspace.unfinished(_parts_of(workspace, step, owner, code))
    )
