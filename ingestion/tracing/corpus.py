"""A whole corpus in one language: shards shared among processes, results kept as they come.

A shard's counts are one Parquet file, so that a killed run goes on where it was. Other machines may
do the shards: ask ``resume_counts`` which, ``trace_shard`` there, ``write_counts`` and ``merge``.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ingestion.corpora import CorpusSettings, Shard, Tally, file_shards, list_files
from ingestion.lake import fingerprint
from ingestion.tracing.counting import (
    Evidence,
    PartialCounts,
    TracingError,
    TracingSettings,
    merge,
    trace_shard,
)
from ingestion.tracing.names import FactNames

__all__ = [
    "TRACING_VERSION",
    "TracingArguments",
    "corpus_shards",
    "read_counts",
    "resume_counts",
    "trace_corpus",
    "write_counts",
]

TRACING_VERSION = "1"
"""Raised when the same corpus and names would give other counts."""

TracingArguments = tuple[CorpusSettings, str, FactNames, TracingSettings, str | None]
"""What ``trace_shard`` takes after the shard: the same for all shards of a language."""

_METADATA = "factroots.counts"
# Tokens of wikitext are many, short-lived and without cycles: collecting rarely is a tenth faster.
_GC_THRESHOLD = 200_000


def corpus_shards(
    corpus: CorpusSettings, language: str, folder: Path | None = None
) -> tuple[Shard, ...]:
    """All shards of a corpus in a language; each can be done alone, anywhere.

    Raises:
        CorpusError: no file is there.
    """
    return tuple(
        shard
        for file in list_files(corpus, language, folder)
        for shard in file_shards(corpus, file)
    )


def trace_corpus(
    corpus: CorpusSettings,
    language: str,
    names: FactNames,
    settings: TracingSettings | None = None,
    tokenizer_json: str | None = None,
    *,
    folder: Path | None = None,
    processes: int = 1,
    keep: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PartialCounts:
    """Count over all files of a language.

    Args:
        corpus, language, names, settings, tokenizer_json: as for ``trace_shard``.
        folder: what the corpus' relative paths are relative to.
        processes: workers; each needs up to a gigabyte of memory. The result does not depend on it.
        keep: folder for finished shards; those found there are not done again. Whoever has the
            final counts may delete it.
        progress: called after each shard with the shards done and all that were left to do.

    Raises:
        CorpusError, TracingError: as ``trace_shard``; also when a worker dies.
    """
    arguments = (corpus, language, names, settings or TracingSettings(), tokenizer_json)
    total, todo = resume_counts(arguments, folder=folder, keep=keep)
    for done, part in enumerate(_computed(todo, arguments, processes), 1):
        total = part if total is None else merge([total, part])
        if progress is not None:
            progress(done, len(todo))
    if total is None:
        raise TracingError(f"the corpus has no file for {language!r}")
    return total


def resume_counts(
    arguments: TracingArguments, *, folder: Path | None = None, keep: Path | None = None
) -> tuple[PartialCounts | None, list[tuple[Shard, Path | None]]]:
    """What an earlier run counted of a corpus in a language, and what is left to do.

    Args:
        arguments: those of ``trace_shard`` after the shard.
        folder: what the corpus' relative paths are relative to.
        keep: folder for finished shards.

    Returns:
        The sum over the finished shards, None without any; and the other shards, each with the file
        that its counts belong in (``write_counts``), None without a folder.

    Raises:
        CorpusError: no file is there.
    """
    corpus, language, *_ = arguments
    total: PartialCounts | None = None
    todo: list[tuple[Shard, Path | None]] = []
    for shard in corpus_shards(corpus, language, folder):
        path = _kept_path(keep, shard, arguments)
        part = read_counts(path) if path is not None else None
        if part is None:
            todo.append((shard, path))
        else:
            total = part if total is None else merge([total, part])
    return total, todo


def write_counts(path: Path, counts: PartialCounts) -> None:
    """Write the counts of a shard: whole or not at all."""
    frames = []
    for kind in counts.mention_counts:
        passages = counts.evidence[kind]
        for what, array in (
            ("mention", counts.mention_counts[kind]),
            ("fact", counts.shared_counts[kind]),
        ):
            positions = np.flatnonzero(array)
            found = [passages[p] if what == "fact" else None for p in positions.tolist()]
            frames.append(
                pl.DataFrame(
                    {
                        "text_unit": [kind] * len(positions),
                        "counted": [what] * len(positions),
                        "position": positions,
                        "count": array[positions],
                        "distance": [e.distance if e else None for e in found],
                        "document": [e.document if e else None for e in found],
                        "offset": [e.offset if e else None for e in found],
                        "text": [e.text if e else None for e in found],
                    },
                    schema=_COUNTS,
                )
            )
    state = {
        "names_digest": counts.names_digest,
        "unit_counts": counts.unit_counts,
        "lengths": {
            kind: [len(counts.mention_counts[kind]), len(counts.shared_counts[kind])]
            for kind in counts.mention_counts
        },
        "tallies": {file: asdict(tally) for file, tally in counts.tallies.items()},
        "file_bytes": counts.file_bytes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    pl.concat(frames).write_parquet(temporary, metadata={_METADATA: json.dumps(state)})
    temporary.replace(path)


def read_counts(path: Path) -> PartialCounts | None:
    """Counts of a shard; None if the file is absent or not whole."""
    try:
        state: dict[str, Any] = json.loads(pl.read_parquet_metadata(path)[_METADATA])
        frame = pl.read_parquet(path)
    except (OSError, KeyError, ValueError, pl.exceptions.ComputeError):
        return None
    counts = PartialCounts(
        state["names_digest"],
        state["unit_counts"],
        tallies={file: Tally(**tally) for file, tally in state["tallies"].items()},
        file_bytes=state["file_bytes"],
    )
    for kind, (mentions, facts) in state["lengths"].items():
        rows = frame.filter(pl.col("text_unit") == kind)
        arrays = []
        for what, length in (("mention", mentions), ("fact", facts)):
            array = np.zeros(length, dtype=np.int64)
            of_kind = rows.filter(pl.col("counted") == what)
            array[of_kind["position"].to_numpy()] = of_kind["count"].to_numpy()
            arrays.append(array)
        counts.mention_counts[kind], counts.shared_counts[kind] = arrays
        passages = rows.filter(pl.col("counted") == "fact")
        counts.evidence[kind] = {
            row["position"]: Evidence(row["distance"], row["document"], row["offset"], row["text"])
            for row in passages.iter_rows(named=True)
        }
    return counts


_COUNTS = {
    "text_unit": pl.String,
    "counted": pl.String,
    "position": pl.Int64,
    "count": pl.Int64,
    "distance": pl.Int64,
    "document": pl.String,
    "offset": pl.Int64,
    "text": pl.String,
}


def _computed(
    todo: Sequence[tuple[Shard, Path | None]], arguments: TracingArguments, processes: int
) -> Iterator[PartialCounts]:
    if processes <= 1 or len(todo) <= 1:
        for shard, path in todo:
            yield _trace_and_keep(shard, path, arguments)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(todo)), context, _prepare, (arguments,)) as pool:
        # Results are large: none may be held once it is added.
        futures = {pool.submit(_trace_in_worker, shard, path) for shard, path in todo}
        try:
            for future in as_completed(futures):
                futures.discard(future)
                yield future.result()
        except BrokenProcessPool as error:
            raise TracingError(
                "a worker was killed, most likely for want of memory: use fewer processes. "
                "Finished shards are kept; run again to go on."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


_worker_arguments: TracingArguments


def _prepare(arguments: TracingArguments) -> None:
    """Set up a worker: what is the same for all shards is sent once."""
    global _worker_arguments
    _worker_arguments = arguments
    # The processes are the parallel part; threads within each would only get in their way.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def _trace_in_worker(shard: Shard, path: Path | None) -> PartialCounts:
    return _trace_and_keep(shard, path, _worker_arguments)


def _trace_and_keep(shard: Shard, path: Path | None, arguments: TracingArguments) -> PartialCounts:
    threshold = gc.get_threshold()
    gc.set_threshold(_GC_THRESHOLD, *threshold[1:])
    try:
        counts = trace_shard(shard, *arguments)
    finally:
        gc.set_threshold(*threshold)
    if path is not None:
        write_counts(path, counts)
    return counts


def _kept_path(keep: Path | None, shard: Shard, arguments: TracingArguments) -> Path | None:
    if keep is None:
        return None
    corpus, language, names, settings, tokenizer_json = arguments
    is_local = "://" not in shard.file.path
    changed_at = Path(shard.file.path).stat().st_mtime_ns if is_local else 0
    identity = fingerprint(
        TRACING_VERSION,
        asdict(shard),
        changed_at,
        asdict(corpus),
        language,
        names.digest,
        asdict(settings),
        fingerprint(tokenizer_json),
    )
    return keep / f"{identity}.parquet"
