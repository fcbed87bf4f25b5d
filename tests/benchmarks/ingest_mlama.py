"""How fast all of mLAMA is read, compared with a plain ``json.loads`` loop over the same lines.

Run: ``python -m tests.benchmarks.ingest_mlama [ZIP OR FOLDER]``. Each reader runs in a process of
its own, so that its peak memory is its own. Prints a table (ratio: speed on the clock to the
plain loop; on a busy machine compare processor time); asserts only that the counts agree.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def read_frames(path: Path) -> int:
    """Our reader: every language into the frames of the lake, checked line by line."""
    from ingestion.facts import FactsSettings, open_facts

    source = open_facts(FactsSettings("mlama", path, 0.0))
    return sum(source.read(language).fact_labels.height for language in source.languages())


def read_and_merge(path: Path) -> int:
    """Our reader, and the union of all languages' facts."""
    from ingestion.facts import FactsSettings, merge_facts, open_facts

    source = open_facts(FactsSettings("mlama", path, 0.0))
    facts = {language: source.read(language).facts for language in source.languages()}
    merge_facts(facts)
    return sum(frame.height for frame in facts.values())


def plain_loop(path: Path) -> int:
    """Plain Python: ``json.loads`` on every line, nothing checked, nothing kept."""
    count = 0
    with zipfile.ZipFile(path) as zip_file:
        for name in zip_file.namelist():
            if name.endswith(".jsonl") and not name.endswith("templates.jsonl"):
                for line in zip_file.read(name).split(b"\n"):
                    if line:
                        json.loads(line)
                        count += 1
    return count


def plain_records(path: Path) -> int:
    """Plain Python: the same loop, but the language's records are kept as a list of dicts."""
    count = 0
    with zipfile.ZipFile(path) as zip_file:
        names = [n for n in zip_file.namelist() if n.endswith(".jsonl")]
        for language in sorted({Path(name).parent.name for name in names}):
            records = [
                json.loads(line)
                for name in names
                if Path(name).parent.name == language and not name.endswith("templates.jsonl")
                for line in zip_file.read(name).split(b"\n")
                if line
            ]
            count += len(records)
    return count


def _measure(reader: Callable[[Path], int], path: Path) -> tuple[int, float, float, float]:
    """Rows, seconds on the clock and of processor time, and peak resident memory in MiB."""
    start, start_cpu = time.perf_counter(), time.process_time()
    rows = reader(path)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    return rows, seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(path: Path) -> None:
    """Measure each reader and print the table."""
    readers = (plain_loop, plain_records, read_frames, read_and_merge)
    spawn = multiprocessing.get_context("spawn")
    print(path)
    print(f"{'reader':<16}{'rows':>9}{'s':>8}{'CPU s':>8}{'rows/s':>9}{'MiB peak':>10}{'ratio':>7}")
    baseline = 0.0
    counts = set()
    for reader in readers:
        with spawn.Pool(1) as pool:
            rows, seconds, cpu, peak = pool.apply(_measure, (reader, path))
        baseline = baseline or seconds
        counts.add(rows)
        print(
            f"{reader.__name__:<16}{rows:>9}{seconds:>8.2f}{cpu:>8.2f}{rows / seconds:>9.0f}"
            f"{peak:>10.0f}{baseline / seconds:>7.2f}"
        )
    assert len(counts) == 1, counts


if __name__ == "__main__":
    data = os.environ.get("FACTROOTS_REAL_DATA", str(PROJECT.parent / "shared" / "data"))
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(data) / "mlama1.1.zip")
