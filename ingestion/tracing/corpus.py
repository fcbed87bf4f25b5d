"""Traces a whole corpus in one language: spreads its shards over processes and caches their counts.

Each shard's counts are one Parquet file, so a killed run continues where it was. To trace shards on
other machines, call ``resume_counts`` for the list, ``trace_shard`` there, then ``write_counts``
and ``merge``. What does not belong here: the counting (``ingestion.tracing.counting``).
"""

from __future__ import annotations

import gc
import hashlib
import io
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ingestion.corpora import CorpusSettings, Shard, Tally, file_shards, list_files
from ingestion.files import temporary_file
from ingestion.lake import fingerprint
from ingestion.tracing.counting import TracingArguments, trace_shard
from ingestion.tracing.partial_counts import Evidence, PartialCounts, TracingError, merge

__all__ = [
    "TRACING_VERSION",
    "corpus_shards",
    "read_counts",
    "resume_counts",
    "trace_corpus",
    "write_counts",
]

TRACING_VERSION = "5"
"""Version of the counting code. Increase it if the same corpus and names give other counts."""

_METADATA = "factroots.counts"
_CHECKSUM_BYTES = 32
# Wikitext tokens are many, short-lived and acyclic: collecting garbage rarely saves 10 % of time.
_GC_THRESHOLD = 200_000


def corpus_shards(
    corpus: CorpusSettings, language: str, folder: Path | None = None
) -> tuple[Shard, ...]:
    """List the shards of a corpus in a language; each can be traced alone, on any machine.

    Raises:
        CorpusError: the corpus has no file.
    """
    return tuple(
        shard
        for file in list_files(corpus, language, folder)
        for shard in file_shards(corpus, file)
    )


def trace_corpus(
    arguments: TracingArguments,
    *,
    folder: Path | None = None,
    processes: int = 1,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PartialCounts:
    """Count over all files of a language.

    Args:
        arguments: corpus, language, names and settings.
        folder: base folder of the corpus' relative paths.
        processes: number of workers; each needs up to 1 GB of memory. The counts do not depend on
            it.
        cache: folder for the counts of finished shards, which are not traced again. It can be
            deleted once the final counts are stored.
        progress: called after each shard with the number of shards done and to do in this run.

    Raises:
        CorpusError: as ``trace_shard``, or the corpus has no file.
        TracingError: as ``trace_shard``, or a worker process died.
    """
    total, todo = resume_counts(arguments, folder=folder, cache=cache)
    for done, part in enumerate(_computed(todo, arguments, processes), 1):
        total = part if total is None else merge([total, part])
        if progress is not None:
            progress(done, len(todo))
    if total is None:
        raise TracingError(f"the corpus has no file for {arguments.language!r}")
    return total


def resume_counts(
    arguments: TracingArguments, *, folder: Path | None = None, cache: Path | None = None
) -> tuple[PartialCounts | None, list[tuple[Shard, Path | None]]]:
    """Load the counts of an earlier run, and list the shards that are left.

    Args:
        arguments: corpus, language, names and settings.
        folder: base folder of the corpus' relative paths.
        cache: folder for the counts of finished shards.

    Returns:
        The sum over the finished shards (None if there are none), and the other shards, each with
        the file for its counts (None without a cache).

    Raises:
        CorpusError: the corpus has no file.
    """
    total: PartialCounts | None = None
    todo: list[tuple[Shard, Path | None]] = []
    for shard in corpus_shards(arguments.corpus, arguments.language, folder):
        path = None if cache is None else cache / _file_name(shard, arguments)
        part = read_counts(path) if path is not None else None
        if part is None:
            todo.append((shard, path))
        else:
            total = part if total is None else merge([total, part])
    return total, todo


def write_counts(path: Path, counts: PartialCounts) -> None:
    """Write the counts of a shard as one Parquet file, atomically."""
    frames = []
    for kind in counts.mention_counts:
        passages = counts.evidence[kind]
        for what, array in (
            ("mention", counts.mention_counts[kind]),
            ("fact", counts.shared_counts[kind]),
            ("apart", counts.separate_counts[kind]),
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
    with temporary_file(path) as temporary:
        pl.concat(frames).write_parquet(temporary, metadata={_METADATA: json.dumps(state)})
        with temporary.open("ab") as file:
            file.write(hashlib.sha256(temporary.read_bytes()).digest())
        temporary.replace(path)


def read_counts(path: Path) -> PartialCounts | None:
    """Read the counts of a shard; None if the file is missing or damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    # Behind the Parquet file is its checksum: a changed bit would be a wrong count.
    content, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
    if hashlib.sha256(content).digest() != checksum:
        return None
    state: dict[str, Any] = json.loads(pl.read_parquet_metadata(io.BytesIO(content))[_METADATA])
    frame = pl.read_parquet(content)
    counts = PartialCounts(
        state["names_digest"],
        state["unit_counts"],
        tallies={file: Tally(**tally) for file, tally in state["tallies"].items()},
        file_bytes=state["file_bytes"],
    )
    for kind, (mentions, facts) in state["lengths"].items():
        rows = frame.filter(pl.col("text_unit") == kind)
        arrays = []
        for what, length in (("mention", mentions), ("fact", facts), ("apart", facts)):
            array = np.zeros(length, dtype=np.int64)
            of_kind = rows.filter(pl.col("counted") == what)
            array[of_kind["position"].to_numpy()] = of_kind["count"].to_numpy()
            arrays.append(array)
        counts.mention_counts[kind], counts.shared_counts[kind], counts.separate_counts[kind] = (
            arrays
        )
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
            yield _trace_and_cache(shard, path, arguments)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(todo)), context, _prepare, (arguments,)) as pool:
        # Results are large: each is released as soon as it is added.
        futures = {pool.submit(_trace_in_worker, shard, path) for shard, path in todo}
        try:
            for future in as_completed(futures):
                futures.discard(future)
                yield future.result()
        except BrokenProcessPool as error:
            raise TracingError(
                "a worker process was killed, most likely because memory ran out: use fewer "
                "processes. Finished shards are kept; run again to continue."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


_worker_arguments: TracingArguments


def _prepare(arguments: TracingArguments) -> None:
    """Set up a worker process: the arguments are the same for all shards, so they are sent once."""
    global _worker_arguments
    _worker_arguments = arguments
    # The processes use all cores already; more threads in each would slow them down.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def _trace_in_worker(shard: Shard, path: Path | None) -> PartialCounts:
    return _trace_and_cache(shard, path, _worker_arguments)


def _trace_and_cache(shard: Shard, path: Path | None, arguments: TracingArguments) -> PartialCounts:
    threshold = gc.get_threshold()
    gc.set_threshold(_GC_THRESHOLD, *threshold[1:])
    try:
        counts = trace_shard(shard, arguments)
    finally:
        gc.set_threshold(*threshold)
    if path is not None:
        write_counts(path, counts)
    return counts


def _file_name(shard: Shard, arguments: TracingArguments) -> str:
    """Name of a shard's file in the cache: a fingerprint of everything its counts depend on."""
    is_local = not shard.file.is_remote
    # A restricted study counts the same.
    shard = replace(shard, file=replace(shard.file, within=None))
    changed_at = Path(shard.file.path).stat().st_mtime_ns if is_local else 0
    identity = fingerprint(
        TRACING_VERSION,
        asdict(shard),
        changed_at,
        asdict(replace(arguments.corpus, within=None)),
        arguments.language,
        arguments.names.digest,
        asdict(arguments.settings),
        fingerprint(arguments.tokenizer_json),
    )
    return f"{identity}.parquet"
