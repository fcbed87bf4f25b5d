"""Tracing: did a fact stand in the training text, and what do its names share?"""

import fcntl
import logging
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from dagster_project.defs.asset_specs import lake_spec, report_partition
from dagster_project.defs.partitions import (
    CORPUS_LANGUAGES,
    MODEL_LANGUAGES,
    corpus_language,
    languages_by_owner,
    model_language,
)
from dagster_project.runtime.workers import Workers
from dagster_project.runtime.workspace import Workspace
from dagster_project.study.plan import CODE_VERSIONS
from dagster_project.study.resolve import StudyCorpus, StudyModel
from ingestion.atlas.corpus import write_corpus
from ingestion.corpora import CorpusError, Shard
from ingestion.lake import fingerprint
from ingestion.tracing import (
    PartialCounts,
    TracingArguments,
    TracingSettings,
    collect_names,
    finish,
    merge,
    resume_counts,
    trace_corpus,
    trace_shard,
    write_counts,
)
from ingestion.tracing import label_tokens as pieces_of
from models_gpu.loading.tokenizers import load_tokenizer, tokenizer_hash

__all__ = ["label_tokens", "traced_corpora"]

LOG = logging.getLogger("factroots")
_GROUP = "lake_tracing"


@dg.multi_asset(
    specs=[
        lake_spec(
            table,
            group=_GROUP,
            code_version=CODE_VERSIONS["tracing"],
            kinds=("polars", "parquet"),
            deps=("facts", "fact_labels", "models"),
            partitions=CORPUS_LANGUAGES,
        )
        for table in ("occurrences", "corpus_sizes")
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def traced_corpora(
    context: dg.AssetExecutionContext,
    workspace: dg.ResourceParam[Workspace],
    workers: dg.ResourceParam[Workers],
) -> tuple[None, None]:
    """Look for every fact of each chosen language in each chosen corpus, one pass a language."""
    chosen = languages_by_owner(CORPUS_LANGUAGES, context.partition_keys)
    for corpus in workspace.plan.study.corpora:
        languages = [code for code in chosen.get(corpus.id, ()) if code in corpus.digests]
        trace_languages(workspace, workers, corpus, languages)
        for language in languages:
            for part in workspace.plan.tracing(corpus, language):
                key = corpus_language(corpus.id, language)
                report_partition(context, workspace, part, key)
    return None, None


@dg.multi_asset(
    name="cut_labels",
    specs=[
        lake_spec(
            "label_tokens",
            group=_GROUP,
            code_version=CODE_VERSIONS["label_tokens"],
            deps=("fact_labels", "models"),
            partitions=MODEL_LANGUAGES,
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def label_tokens(context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]) -> None:
    """Cut the names of each chosen language with the tokenizer of each chosen model."""
    chosen = languages_by_owner(MODEL_LANGUAGES, context.partition_keys)
    for model in workspace.plan.study.traced_models:
        languages = chosen.get(model.id, [])
        cut_labels(workspace, model, languages)
        for language in languages:
            part = workspace.plan.label_tokens(model, language)
            report_partition(context, workspace, part, model_language(model.id, language))


def trace_languages(
    workspace: Workspace, workers: Workers, corpus: StudyCorpus, languages: Sequence[str]
) -> None:
    """One pass over a corpus in each language of which what it would find is not there.

    A cluster gets the shards of all languages at once; one process takes a language at a time.

    Raises:
        CorpusError: a file cannot be read; what was counted of others is kept for the next run.
    """
    todo = [
        language
        for language in languages
        if workspace.unfinished(workspace.plan.tracing(corpus, language))
    ]
    passes = (_begun(workspace, corpus, language) for language in todo)
    if workers.count(is_of_model=False) > 1:
        _trace_elsewhere(workspace, workers, corpus, passes)
        return
    processes = workspace.plan.study.study.tracing.processes
    for begun in passes:
        counts = trace_corpus(
            begun.arguments, folder=corpus.folder, processes=processes, cache=begun.kept
        )
        _finish(workspace, corpus, begun, counts)


@dataclass
class _Pass:
    """One pass over a corpus in a language, begun."""

    language: str
    """The language."""
    arguments: TracingArguments
    """What is looked for, and how."""
    tokenizer_id: str | None
    """Digest of the tokenizer that measures chunks."""
    kept: Path
    """Folder of the counts of finished shards."""
    started: float
    """``time.perf_counter()`` when it began."""
    total: PartialCounts | None = None
    """Sum over the finished shards."""
    left_count: int = 0
    """Shards that are not finished."""


def _begun(workspace: Workspace, corpus: StudyCorpus, language: str) -> _Pass:
    plan, study = workspace.plan, workspace.plan.study
    started = time.perf_counter()
    if corpus.is_atlas:
        write_atlas(workspace, corpus)
    tokenizer_json, tokenizer_id = None, None
    if (counter := study.chunk_model(corpus.id)) is not None:
        tokenizer = load_tokenizer(counter.resolved.spec, counter.resolved.fetch())
        tokenizer_json = tokenizer.backend_tokenizer.to_str()
        tokenizer_id = tokenizer_hash(tokenizer)
    settings = study.study.tracing
    aliases = None
    if settings.aliases is not None:
        aliases = pl.read_csv(study.study.locate(settings.aliases), infer_schema=False)
    names = collect_names(
        workspace.read(plan.ingested("fact_labels", language)),
        language,
        workspace.read(plan.ingested("facts")),
        aliases,
    )
    asked = TracingSettings(
        units=settings.units,
        matching=settings.matching,
        chunk_tokens=settings.chunk_tokens,
        engine=settings.engine,
    )
    arguments = TracingArguments(corpus.settings, language, names, asked, tokenizer_json)
    kept = workspace.home.tracing / corpus.id / language
    return _Pass(language, arguments, tokenizer_id, kept, started)


def _trace_elsewhere(
    workspace: Workspace, workers: Workers, corpus: StudyCorpus, passes: Iterable[_Pass]
) -> None:
    """Shards as tasks; their counts come back here, are kept here, and become parts here."""
    at_work: dict[str, _Pass] = {}
    for_workers = workspace.for_workers()

    def tasks() -> Iterator[tuple[Any, tuple[str, Shard, Path | None]]]:
        for begun in passes:
            begun.total, todo = resume_counts(
                begun.arguments, folder=corpus.folder, cache=begun.kept
            )
            begun.left_count = len(todo)
            if begun.total is not None and not todo:
                _finish(workspace, corpus, begun, begun.total)
                continue
            at_work[begun.language] = begun
            shared = workers.put((for_workers, corpus, begun.arguments))
            for shard, path in todo:
                yield shared, (begun.language, shard, path)

    for (language, _, path), counts in workers.each(trace_task, tasks(), is_of_model=False):
        if path is not None:
            write_counts(path, counts)
        begun = at_work[language]
        begun.total = counts if begun.total is None else merge([begun.total, counts])
        begun.left_count -= 1
        if not begun.left_count:
            _finish(workspace, corpus, at_work.pop(language), begun.total)


def trace_task(
    shared: tuple[Workspace, StudyCorpus, TracingArguments], task: tuple[str, Shard, Path | None]
) -> PartialCounts:
    """What a worker does of a corpus.

    Raises:
        CorpusError: this machine has no such file.
    """
    workspace, corpus, arguments = shared
    _, shard, _ = task
    if corpus.is_atlas:
        write_atlas(workspace, corpus)
    try:
        return trace_shard(shard, arguments)
    except FileNotFoundError as error:
        raise CorpusError(
            f"{socket.gethostname()} has no {shard.file.path}: keep corpora where every machine of "
            "the cluster finds them, in a shared folder or behind an address such as s3://…"
        ) from error


def _finish(workspace: Workspace, corpus: StudyCorpus, begun: _Pass, counts: PartialCounts) -> None:
    """Write the parts of a pass, and say how it went."""
    language = begun.language
    frames = finish(counts, begun.arguments.names, corpus.id, language, begun.tokenizer_id)
    parts = workspace.plan.tracing(corpus, language)
    for part, frame in zip(parts, frames, strict=True):
        workspace.write(part, frame, begun.started)
    shutil.rmtree(begun.kept, ignore_errors=True)
    (row,) = frames[1].to_dicts()
    seconds = max(time.perf_counter() - begun.started, 0.001)
    LOG.info(
        "occurrences %s/%s: %s documents, %.1f MB of text, %.1f s, %.1f MB/s%s",
        corpus.id,
        language,
        f"{row['document_count']:,}",
        row["text_bytes"] / 1e6,
        seconds,
        row["text_bytes"] / 1e6 / seconds,
        f"; {row['problem_note']}" if row["problem_note"] else "",
    )


def cut_labels(workspace: Workspace, model: StudyModel, languages: list[str]) -> None:
    """Write ``label_tokens`` of a model for the languages that lack them."""
    plan = workspace.plan
    parts = {language: plan.label_tokens(model, language) for language in languages}
    todo = {part.label for part in workspace.unfinished(list(parts.values()))}
    if not todo:
        return
    tokenizer = load_tokenizer(model.resolved.spec, model.resolved.fetch())
    tokenizer_json = tokenizer.backend_tokenizer.to_str()
    described = workspace.read(plan.models()).filter(pl.col("model_id") == model.id)
    ignored: int | None = described["ignored_token_id"].item()
    for language, part in parts.items():
        if part.label in todo:
            started = time.perf_counter()
            labels = workspace.read(plan.ingested("fact_labels", language))
            frame = pieces_of(labels, language, model.id, tokenizer_json, ignored)
            workspace.write(part, frame, started)
    LOG.info("label_tokens %s: %d languages", model.id, len(todo))


def write_atlas(workspace: Workspace, corpus: StudyCorpus) -> None:
    """The embedded corpus as files, written anew when it is not the one of this version."""
    folder = workspace.home.corpora / corpus.id
    mark, version = folder / "version", fingerprint(corpus.digests)
    folder.mkdir(parents=True, exist_ok=True)
    # Workers of one machine share its folders.
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark.exists() and mark.read_text(encoding="utf-8") == version:
            return
        started = time.perf_counter()
        write_corpus(corpus.id, folder, list(corpus.digests))
        mark.write_text(version, encoding="utf-8")
    LOG.info("corpus %s written, %.1f s", corpus.id, time.perf_counter() - started)
