"""Models: what each one is, and what it answers in every language."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeAlias

import dagster as dg
import polars as pl

from dagster_project.defs.asset_specs import (
    lake_spec,
    report_partition,
    results,
)
from dagster_project.defs.partitions import MODEL_LANGUAGES, languages_by_owner, model_language
from dagster_project.runtime.workers import LostWorkerError, Workers, WorkersError, shares
from dagster_project.runtime.workspace import Workspace
from dagster_project.study.failures import departed_models, forget_failure, note_failure
from dagster_project.study.plan import CODE_VERSIONS, Part
from dagster_project.study.resolve import StudyModel
from ingestion.contract import LAKE
from ingestion.lake import LakeError
from models_gpu.errors import ModelError
from models_gpu.loading.inspection import inspect
from models_gpu.loading.tokenizers import tokenizer_hash

__all__ = [
    "for_each_model",
    "lacking",
    "models",
    "per_second",
    "predictions",
    "progress",
    "questions",
    "write_rows",
]

LOG = logging.getLogger("factroots")
_GROUP = "lake_models"

Compute: TypeAlias = Callable[[Workspace, StudyModel, Iterable[str]], None]
"""Brings one model up to date in some languages; a function of a module, as workers find it."""


@dg.multi_asset(
    name="inspected_models",
    specs=[lake_spec("models", group=_GROUP, code_version=CODE_VERSIONS["models"])],
)
def models(workspace: dg.ResourceParam[Workspace]) -> Iterator[dg.MaterializeResult[None]]:
    """Describe each model from its configuration, weight headers and tokenizer.

    A model that cannot be described is left out, and the part stays stale, to be tried again.
    """
    part = workspace.plan.models()
    if workspace.unfinished([part]):
        started = time.perf_counter()
        for model_id in departed_models(workspace.plan, workspace.home):
            LOG.info("%s left the study: it leaves the marts, its Parquet stays", model_id)
        rows = [pl.DataFrame(schema=pl.Schema(LAKE["models"].schema))]
        broken = []
        for model in workspace.plan.study.models:
            try:
                rows.append(describe(model))
            except ModelError as error:
                LOG.error("%s: %s", model.id, error)
                note_failure(workspace.home, model.id, str(error))
                broken.append(model.id)
        if broken:
            part = replace(part, fingerprint=f"{part.fingerprint}-without-{'-'.join(broken)}")
        workspace.write(part, pl.concat(rows).sort("model_id"), started)
    yield from results(workspace, [part])


@dg.multi_asset(
    name="probed_facts",
    specs=[
        lake_spec(
            "predictions",
            group=_GROUP,
            code_version=CODE_VERSIONS["predictions"],
            kinds=("torch", "parquet"),
            deps=("facts", "fact_labels", "prompts", "models"),
            partitions=MODEL_LANGUAGES,
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def predictions(
    context: dg.AssetExecutionContext,
    workspace: dg.ResourceParam[Workspace],
    workers: dg.ResourceParam[Workers],
) -> None:
    """Ask each chosen model every fact in each chosen language; a model is loaded once for all.

    A model that fails does not hold back the others: the step fails at the end, naming it.
    """
    for_each_model(
        context,
        workspace,
        workers,
        probe_languages,
        lambda model, language: (workspace.plan.predictions(model, language),),
    )


def for_each_model(
    context: dg.AssetExecutionContext,
    workspace: Workspace,
    workers: Workers,
    compute: Compute,
    parts: Callable[[StudyModel, str], Iterable[Part]],
) -> None:
    """Compute the chosen languages of every chosen model and show their figures.

    Args:
        context: the running step, whose partitions are models in languages.
        workspace: the study.
        workers: who computes; each of them takes some of a model's languages.
        compute: brings one model up to date in some languages.
        parts: what that leaves of a model in a language.

    Raises:
        Failure: a model failed; all others were computed first.
        LakeError, OSError: the lake cannot be written or read.
        WorkersError: the workers cannot be used.
    """
    chosen = languages_by_owner(MODEL_LANGUAGES, context.partition_keys)
    broken: list[str] = []
    for model in workspace.plan.study.models:
        languages = chosen.get(model.id, [])
        if not languages:
            continue
        try:
            _share_out(workspace, workers, compute, model, languages, parts)
        except (LakeError, OSError, WorkersError):
            # The disk's fault, not the model's: the next model would meet it too.
            raise
        except Exception as error:
            is_told = isinstance(error, ModelError | LostWorkerError)
            reason = str(error) if is_told else repr(error)
            if not is_told:
                context.log.exception("model %s", model.id)
            LOG.error("%s: %s", model.id, reason)
            note_failure(workspace.home, model.id, reason)
            broken.append(f"{model.id}: {reason}")
            continue
        forget_failure(workspace.home, model.id)
        for language in languages:
            for part in parts(model, language):
                report_partition(context, workspace, part, model_language(model.id, language))
    if broken:
        raise dg.Failure("; ".join(broken), allow_retries=False)


def _share_out(
    workspace: Workspace,
    workers: Workers,
    compute: Compute,
    model: StudyModel,
    languages: Sequence[str],
    parts: Callable[[StudyModel, str], Iterable[Part]],
) -> None:
    """One share of the languages for each worker, since each has to load the model."""
    count = workers.count(is_of_model=True)
    taken = [list(languages)]
    if count > 1:
        ingested = workspace.plan.ingested
        sizes = {
            code: workspace.written(ingested("fact_labels", code)).provenance.row_count
            for code in languages
            if workspace.unfinished(parts(model, code))
        }
        taken = shares(sizes, count)
    shared = workers.put((workspace.for_workers(), compute, model))
    for _ in workers.each(compute_share, ((shared, share) for share in taken), is_of_model=True):
        pass


def compute_share(shared: tuple[Workspace, Compute, StudyModel], languages: list[str]) -> None:
    """What a worker does of a model."""
    workspace, compute, model = shared
    compute(workspace, model, languages)


def describe(model: StudyModel) -> pl.DataFrame:
    """The row of ``models`` for one model.

    Raises:
        ModelError: it cannot be used; says why and what would be right.
    """
    card = model.card or inspect(model.resolved)
    row = {**asdict(card), "source": model.source, "corpus_id": model.corpus_id}
    return pl.DataFrame([row], schema=pl.Schema(LAKE["models"].schema))


def probe_languages(workspace: Workspace, model: StudyModel, languages: Iterable[str]) -> None:
    """Probe one model in the languages whose predictions are not up to date.

    Raises:
        ModelError: the model cannot be loaded or run. Languages that were finished stay.
    """
    plan, study = workspace.plan, workspace.plan.study
    by_language = {language: plan.predictions(model, language) for language in languages}
    todo = {part.label for part in workspace.unfinished(list(by_language.values()))}
    if not todo:
        return
    from models_gpu.loading.load import load
    from models_gpu.methods.probing import default_token_budget, probe_each

    loaded = load(model.resolved)
    budget = study.study.probing.batch_tokens
    made_with = {
        "device": str(loaded.device),
        "tokenizer_hash": tokenizer_hash(loaded.tokenizer),
        "batch_tokens": str(budget or default_token_budget(loaded.device)),
    }
    missing = [language for language, part in by_language.items() if part.label in todo]
    reports = {language: progress(by_language[language].label) for language in missing}
    started = time.perf_counter()
    for language, answers in probe_each(
        loaded,
        ((language, questions(workspace, language)) for language in missing),
        mask_counts=model.resolved.spec.mask_counts,
        token_budget=budget,
        progress=lambda language, done, total: reports[language](done, total),
    ):
        rows = answers.with_columns(model_id=pl.lit(model.id), language_code=pl.lit(language))
        written = workspace.write(by_language[language], rows, started, made_with)
        fact_count = rows["fact_id"].n_unique()
        LOG.info(
            "%s: %s facts, %.1f s, %s",
            by_language[language].label,
            f"{fact_count:,}",
            written.provenance.duration_seconds,
            per_second(fact_count, written.provenance.duration_seconds, "facts"),
        )
        started = time.perf_counter()


def lacking(
    workspace: Workspace,
    model: StudyModel,
    languages: Iterable[str],
    planned: Callable[[StudyModel, str], tuple[Part, ...]],
) -> dict[str, Part]:
    """Language → the part that it lacks, of a table with one part per model and language."""
    return {
        language: part
        for language in languages
        for part in workspace.unfinished(planned(model, language))
    }


def write_rows(
    workspace: Workspace, part: Part, rows: pl.DataFrame, started: float, facts: int, device: str
) -> None:
    """Seal what was computed about some facts in a model's language, and say how long it took."""
    own: dict[str, Any] = {name: pl.lit(value) for name, value in part.partition.items()}
    workspace.write(part, rows.with_columns(**own), started, {"device": device})
    LOG.info("%s: %s facts, %.1f s", part.label, f"{facts:,}", time.perf_counter() - started)


def questions(workspace: Workspace, language: str) -> pl.DataFrame:
    """What every model is asked in a language: one row per fact, with template and labels."""
    ingested = workspace.plan.ingested
    facts = workspace.read(ingested("facts")).select("fact_id", "relation_id")
    return (
        workspace.read(ingested("fact_labels", language))
        .join(facts, on="fact_id", validate="1:1")
        .join(workspace.read(ingested("prompts", language)), on="relation_id")
        .select("fact_id", "relation_id", "template", "subject_label", "object_label")
    )


def per_second(count: int, seconds: float, what: str) -> str:
    """A rate for a log line."""
    return f"{count / max(seconds, 0.001):,.0f} {what}/s"


def progress(label: str, every_seconds: float = 5.0) -> Callable[[int, int], None]:
    """A callback that says how far long work is: queries done, rate, time left."""
    started = said = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal started, said
        now = time.perf_counter()
        if not started:
            started = said = now
        if now - said < every_seconds or not done:
            return
        said = now
        rate = done / (now - started)
        LOG.info(
            "%s: %s of %s queries, %.1f/s, %.0f s left",
            label,
            f"{done:,}",
            f"{total:,}",
            rate,
            (total - done) / rate,
        )

    return tell
