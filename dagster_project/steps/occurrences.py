"""Occurrences: does a fact stand in the training text of a language, and how large is that text?

What one pass over a corpus does belongs in ``ingestion.tracing``; here its work is handed out.
"""

from __future__ import annotations

import logging
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from dagster_project.steps.plan import Plan
from dagster_project.steps.step import Computed, CorpusStep, CorpusTask
from dagster_project.study.home import Home
from dagster_project.study.resolved import ResolvedStudy, StudyCorpus
from ingestion.atlas.corpus import write_dumps
from ingestion.corpora import CorpusError, Shard
from ingestion.lake import fingerprint
from ingestion.tracing import (
    TRACING_VERSION,
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
from models_gpu.loading.tokenizers import load_tokenizer, tokenizer_hash

__all__ = ["STEP"]

LOG = logging.getLogger("factroots")


def _inputs(plan: Plan, corpus: StudyCorpus, language: str) -> tuple[object, ...]:
    study = plan.study
    tracing, chunk_model = study.study.tracing, study.chunk_model(corpus.id)
    # The engine and the number of processes change no count.
    settings = {
        "units": sorted(tracing.units),
        "matching": tracing.matching,
        "chunk_tokens": tracing.chunk_tokens,
    }
    return (
        corpus.fingerprints[language],
        plan.part("fact_labels", {"language_code": language}).fingerprint,
        study.aliases_fingerprint,
        settings,
        chunk_model.resolved.tokenizer_fingerprint if chunk_model else None,
    )


def _is_possible(study: ResolvedStudy, corpus: StudyCorpus) -> bool:
    """Whether a model measures chunks: the only one may be broken, or left out of this run."""
    return (
        corpus.file is not None
        or "chunk" not in study.study.tracing.units
        or study.chunk_model(corpus.id) is not None
    )


@dataclass
class _Pass:
    """One pass over a corpus in one language."""

    language: str
    """The language."""
    arguments: TracingArguments
    """What is looked for, and how."""
    tokenizer_id: str | None
    """Hash of the tokenizer that measures chunks."""
    kept: Path
    """Folder with the counts of finished shards."""
    started: float
    """``time.perf_counter()`` when it began."""
    total: PartialCounts | None = None
    """Sum over the finished shards."""
    left_count: int = 0
    """Shards that are not finished."""


def _trace(task: CorpusTask) -> Iterator[Computed]:
    """Makes one pass over the corpus in each language.

    A cluster gets the shards of all languages at once; one process takes a language at a time.

    Raises:
        CorpusError: a file cannot be read. Counts of other files are kept for the next run.
    """
    if task.corpus.file is not None:
        yield from _import(task)
        return
    # Once for all languages: a large tokenizer takes seconds to load.
    tokenizer = _chunk_tokenizer(task)
    passes = (_begin(task, language, *tokenizer) for language in task.languages)
    if task.workers.count(is_of_model=False) > 1:
        yield from _trace_on_workers(task, passes)
        return
    for begun in passes:
        begun.total = trace_corpus(
            begun.arguments,
            folder=task.corpus.folder,
            processes=task.study.study.tracing.processes,
            cache=begun.kept,
        )
        yield from _finish(task.corpus, begun)


def _import(task: CorpusTask) -> Iterator[Computed]:
    """Takes the counts that others made; facts that their file lacks have no row."""
    file = task.corpus.file
    assert file is not None, "asked for by _trace"
    facts = task.read_part("facts", {})
    for language in task.languages:
        labels = task.read_part("fact_labels", {"language_code": language})
        own = facts.join(labels, on="fact_id", how="semi")
        rows = file.of_language(language, own)
        counted = rows["fact_id"].n_unique()
        if counted < own.height:
            LOG.warning("occurrences %s/%s: %s of %s facts are not counted in %s",
                        task.corpus.id, language, f"{own.height - counted:,}",
                        f"{own.height:,}", file.path.name)  # fmt: skip
        why_none = f"the file has no row about a fact of {language}"
        yield Computed({"occurrences": rows}, language, fact_count=counted, why_none=why_none)


def _chunk_tokenizer(task: CorpusTask) -> tuple[str | None, str | None]:
    """The tokenizer that measures chunks, as JSON, and its hash; None without such a model."""
    if (chunk_model := task.study.chunk_model(task.corpus.id)) is None:
        return None, None
    resolved = chunk_model.resolved
    tokenizer = load_tokenizer(resolved.spec, resolved.fetch_description())
    return tokenizer.backend_tokenizer.to_str(), tokenizer_hash(tokenizer)


def _begin(
    task: CorpusTask, language: str, tokenizer_json: str | None, tokenizer_id: str | None
) -> _Pass:
    study, corpus = task.study, task.corpus
    started = time.perf_counter()
    if corpus.is_atlas:
        _write_atlas(task.home, corpus)
    settings = study.study.tracing
    names = collect_names(
        task.read_part("fact_labels", {"language_code": language}),
        language,
        task.read_part("facts", {}),
        study.aliases(),
    )
    wanted = TracingSettings(
        units=settings.units,
        matching=settings.matching,
        chunk_tokens=settings.chunk_tokens,
        engine=settings.engine,
    )
    arguments = TracingArguments(corpus.settings, language, names, wanted, tokenizer_json)
    kept = task.home.tracing / corpus.id / language
    return _Pass(language, arguments, tokenizer_id, kept, started)


def _trace_on_workers(task: CorpusTask, passes: Iterable[_Pass]) -> Iterator[Computed]:
    """Gives one shard to each worker; their counts are kept and added up in this process."""
    corpus, workers = task.corpus, task.workers
    at_work: dict[str, _Pass] = {}
    finished: list[_Pass] = []

    def tasks() -> Iterator[tuple[Any, tuple[str, Shard, Path | None]]]:
        for begun in passes:
            begun.total, todo = resume_counts(
                begun.arguments, folder=corpus.folder, cache=begun.kept
            )
            begun.left_count = len(todo)
            if begun.total is not None and not todo:
                finished.append(begun)
                continue
            at_work[begun.language] = begun
            shared = workers.put((task.home, corpus, begun.arguments))
            for shard, path in todo:
                yield shared, (begun.language, shard, path)

    for (language, _, path), counts in workers.each(_trace_shard, tasks(), is_of_model=False):
        if path is not None:
            write_counts(path, counts)
        begun = at_work[language]
        begun.total = counts if begun.total is None else merge([begun.total, counts])
        begun.left_count -= 1
        if not begun.left_count:
            finished.append(at_work.pop(language))
        while finished:
            yield from _finish(corpus, finished.pop())
    for begun in finished:
        yield from _finish(corpus, begun)


def _trace_shard(
    shared: tuple[Home, StudyCorpus, TracingArguments], work: tuple[str, Shard, Path | None]
) -> PartialCounts:
    """Counts one shard of a corpus on a worker.

    Raises:
        CorpusError: this machine has no such file.
    """
    home, corpus, arguments = shared
    _, shard, _ = work
    if corpus.is_atlas:
        _write_atlas(home, corpus)
    try:
        return trace_shard(shard, arguments)
    except FileNotFoundError as error:
        raise CorpusError(
            f"{socket.gethostname()} has no {shard.file.path}: keep corpora where every machine of "
            "the cluster finds them, in a shared folder or behind an address such as s3://…"
        ) from error


def _finish(corpus: StudyCorpus, begun: _Pass) -> Iterator[Computed]:
    """Makes the tables of a pass; once they are written, removes the counts of its shards."""
    assert begun.total is not None, "all of its shards are counted"
    language = begun.language
    frames = finish(begun.total, begun.arguments.names, corpus.id, language, begun.tokenizer_id)
    yield Computed(dict(zip(STEP.tables, frames, strict=True)), language, started=begun.started)
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


def _write_atlas(home: Home, corpus: StudyCorpus) -> None:
    """Writes the files of the embedded corpus, unless those of this version are there."""
    folder = home.corpora / corpus.id
    mark, version = folder / "version", fingerprint(corpus.fingerprints)
    folder.mkdir(parents=True, exist_ok=True)
    # Workers on the same machine share the folder.
    with FileLock(folder / ".lock"):
        if mark.is_file() and mark.read_bytes() == version.encode():
            return
        started = time.perf_counter()
        write_dumps(corpus.id, folder, list(corpus.fingerprints))
        mark.write_text(version, encoding="utf-8")
    LOG.info("corpus %s written, %.1f s", corpus.id, time.perf_counter() - started)


STEP = CorpusStep(
    tables=("occurrences", "corpus_sizes"),
    code_version=TRACING_VERSION,
    depends_on=("facts", "fact_labels", "models"),
    # They decide what is text, and where sentences end.
    libraries=("mwparserfromhell", "sentencex"),
    group="lake_tracing",
    block="corpora",
    is_possible=_is_possible,
    inputs=_inputs,
    compute=_trace,
)
