"""Checks of a synthetic lake, without anything else: processor seconds and memory.

Run: ``python -m tests.benchmarks.lake_checks [--share 0.1] [--keep FOLDER]``

``--share 1`` is the published study's size: 43 million rows of profiles of neurons, 0.7 GB, which
takes about a minute to make. To compare with another commit, keep the lake, and run this file
there with the same ``--keep``, in turn.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import duckdb

from dagster_project.defs.checks.validation import validate
from dagster_project.steps.plan import Part
from ingestion.contract import LAKE
from ingestion.lake import read_provenance
from tests.benchmarks.synthetic_lake import SyntheticLake


def main() -> None:
    """Make the lake, check it, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=0.1, help="of the published study's size")
    parser.add_argument("--keep", type=Path, default=None, help="folder of a lake to make or reuse")
    parser.add_argument("--tables", nargs="*", default=list(LAKE), help="tables to check")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        lake = (options.keep or Path(temporary) / "lake").resolve()
        if not lake.exists():
            whole = SyntheticLake()
            sizes = (whole.facts, whole.held, whole.matched)
            SyntheticLake(*(int(size * options.share) for size in sizes)).write(lake)
        parts = [
            Part(made_by.table, made_by.partition, "", "")
            for path in sorted(lake.rglob("*.parquet"))
            if (made_by := read_provenance(path))
        ]
        rows = duckdb.sql(
            f"select count(*) from read_parquet('{lake}/neuron_profiles/*/*.parquet')"
        ).fetchall()[0][0]
        started, worked = time.perf_counter(), time.process_time()
        found = validate(lake, parts, options.tables)
        seconds, worked = time.perf_counter() - started, time.process_time() - worked
    for findings in found.values():
        for finding in findings:
            raise SystemExit(finding.summary)
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(parts):,} parts, {rows:,} rows of profiles: {worked:.1f} s of processors, "
        f"{seconds:.1f} s on the clock, at most {gib:.2f} GiB"
    )


if __name__ == "__main__":
    main()
