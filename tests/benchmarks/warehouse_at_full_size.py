"""The whole warehouse at the size of the published study: time, memory, figures, saved questions.

Run: ``python -m tests.benchmarks.warehouse_at_full_size [--keep FOLDER] [--without-plain]``

Makes a lake (``synthetic_lake``): 843,143 answers of each of two models, 75,000 of them right and
with 50 neurons each, 843,143 facts looked for. Asks everything of it that a run asks of a lake,
runs ``dbt build`` with all tests as a run does, publishes, asks every saved question, and computes
metrics the plain way (``plain_metrics``): the figures of both have to be equal. Seconds of
processors are given next to those of the clock, for machines that do other things as well.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagster_project.defs.checks.validation import validate
from dagster_project.steps.plan import Part
from ingestion.contract import LAKE
from ingestion.lake import read_provenance
from tests.benchmarks import plain_metrics
from tests.benchmarks.synthetic_lake import MODELS, PROJECT, SyntheticLake
from tests.helpers.tiny_lake import DBT, rows
from warehouse.publish import publish
from warehouse.questions import saved_questions
from warehouse.tables import attached

AIM_SECONDS, AIM_GIB, AIM_QUESTION = 60, 3, 0.5
DUCKDB_THREADS = 2
"""What DuckDB takes by itself on a machine of two cores."""
VARIABLES = {
    "language": "af", "language_a": "id", "language_b": "ms", "subject": "Subject Q77 en",
    "unit": "chunk", "model_a": MODELS[0], "model_b": MODELS[1],
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    seconds: float
    """By the clock."""
    work_seconds: float
    """Of processors, those of the system included."""
    gib: float
    """Peak memory of the process; neither dbt nor pandas starts others."""

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s ({self.work_seconds:.1f} s of processors), {self.gib:.2f} GiB"


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command and see what it takes; what it prints goes to ``folder/output.txt``.

    Raises:
        SystemExit: it failed; with the end of what it printed.
    """
    output = folder / "output.txt"
    started, peak = time.perf_counter(), 0
    with output.open("w") as file:
        process = subprocess.Popen(
            command, cwd=folder, stdout=file, stderr=file, env={**os.environ, **environment}
        )
        # What wait4 says of memory begins with that of the parent.
        status = Path(f"/proc/{process.pid}/status")
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
            peak = max(peak, int(found[1]) if found else 0)
            time.sleep(0.1)
        _, code, used = ended
        process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode:
        raise SystemExit(f"{command}\n{output.read_text()[-8000:]}")
    return Cost(time.perf_counter() - started, used.ru_utime + used.ru_stime, peak / 2**20)


def check_lake(lake: Path) -> None:
    """Everything that a run asks of a lake before dbt may see it.

    Raises:
        SystemExit: the lake is not sound, so that nothing measured on it would count.
    """
    parts = []
    for path in sorted(lake.rglob("*.parquet")):
        if made_by := read_provenance(path):
            parts.append(Part(made_by.table, made_by.partition, "", ""))
    started, worked = time.perf_counter(), time.process_time()
    found = validate(lake, parts, list(LAKE))
    print(
        f"checks of the lake, {len(parts):,} parts: {time.perf_counter() - started:.1f} s "
        f"({time.process_time() - worked:.1f} s of processors)"
    )
    problems = [finding.summary for findings in found.values() for finding in findings]
    if problems:
        raise SystemExit("\n".join(problems))


def dbt_build(folder: Path, lake: Path) -> Cost:
    """``dbt build`` with all tests of the data; its steps are printed.

    As in a run, the project was parsed before, when the assets were made, each mart writes its
    preview, and the log on disk has no line for each statement.
    """
    (folder / "factroots.duckdb").unlink(missing_ok=True)
    variables = {"lake": str(lake), "study_name": "full-size"}
    dbt = str(Path(sys.executable).with_name("dbt"))
    settings = [
        "--project-dir", str(DBT), "--profiles-dir", str(DBT), "--target-path",
        str(folder / "target"), "--log-path", str(folder / "logs"), "--vars", json.dumps(variables),
    ]  # fmt: skip
    previews = folder / "previews"
    previews.mkdir(exist_ok=True)
    environment = {
        "FACTROOTS_BUILD": str(folder / "factroots.duckdb"),
        "FACTROOTS_PREVIEWS": str(previews),
        "DBT_LOG_LEVEL_FILE": "info",
    }
    print(f"dbt parse: {run([dbt, 'parse', '--no-partial-parse', *settings], folder, environment)}")
    command = [dbt, "--no-use-colors", "build", "--exclude-resource-type", "unit_test", *settings]
    cost = run(command, folder, environment)
    results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    slowest = sorted(results, key=lambda result: -result["execution_time"])
    for result in slowest[:20]:
        print(f"  {result['unique_id'].split('.', 2)[2]:50} {result['execution_time']:7.2f} s")
    print(f"dbt build, {len(results)} models, seeds and tests: {cost}")
    return cost


def ask_all(published: Path) -> float:
    """Seconds of the slowest question, each in a connection of its own, as an analyst opens it."""
    slowest = 0.0
    for question in saved_questions():
        with attached({"study": published}) as connection:
            connection.execute(f"use study; set threads = {DUCKDB_THREADS}")
            for name in question.variables:
                connection.execute(f"set variable {name} = '{VARIABLES[name]}'")
            started, worked = time.perf_counter(), time.process_time()
            count = len(connection.execute(question.sql).fetchall())
            seconds, worked = time.perf_counter() - started, time.process_time() - worked
        slowest = max(slowest, seconds)
        name = question.name
        print(f"  {name:36} {count:8,} rows {seconds:7.3f} s ({worked:.3f} s of processors)")
    return slowest


def compare(folder: Path, lake: Path, build: Cost) -> None:
    """Metrics the plain way, compared with those of the marts.

    Raises:
        SystemExit: a figure differs.
    """
    outcome = folder / "plain.pickle"
    script = PROJECT / "tests" / "benchmarks" / "plain_metrics.py"
    cost = run([sys.executable, str(script), str(lake), str(outcome)], folder, {})
    found: dict[str, tuple[plain_metrics.Rows, float]] = pickle.loads(outcome.read_bytes())
    different = []
    for name, (theirs, seconds) in found.items():
        verdict = ""
        if query := plain_metrics.METRICS.get(name):
            ours = set(rows(folder / "factroots.duckdb", query))
            verdict = f"{len(ours):,} rows, equal"
            if not plain_metrics.equal(ours, theirs):
                verdict = "DIFFERS"
                different.append(name)
        print(f"  {name:36} {seconds:7.1f} s of one processor  {verdict}")
    print(
        f"{len(plain_metrics.METRICS)} metrics by plain pandas, no intervals, no tests: {cost}; "
        f"dbt's work for all marts and tests is {build.work_seconds / cost.work_seconds:.2f} of it"
    )
    if different:
        raise SystemExit(f"the figures differ: {', '.join(different)}")


def verdict(value: float, aim: float) -> str:
    """Whether an aim is met."""
    return f"aim {aim}: {'met' if value < aim else 'MISSED'}"


def main() -> None:
    """Make the lake, check, build, publish, ask, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, default=None, help="folder to work in and keep")
    parser.add_argument("--without-plain", action="store_true", help="leave pandas out")
    parser.add_argument("--without-checks", action="store_true", help="leave the lake's checks out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        lake, build = folder / "lake", folder / "build"
        build.mkdir(parents=True, exist_ok=True)
        if not lake.exists():
            started = time.perf_counter()
            SyntheticLake().write(lake)
            print(f"the lake is made: {time.perf_counter() - started:.0f} s")
        if not options.without_checks:
            check_lake(lake)
        cost = dbt_build(build, lake)
        if not options.without_plain:
            compare(build, lake, cost)
        published = folder / "home" / "full-size" / "factroots.duckdb"
        published.parent.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        size = publish(build / "factroots.duckdb", published, "full-size")
        print(f"published {size / 2**20:,.0f} MiB in {time.perf_counter() - started:.1f} s")
        slowest = ask_all(published)
        print(f"slowest saved question: {slowest:.3f} s, {verdict(slowest, AIM_QUESTION)}")
        print(f"dbt build: {cost.seconds:.1f} s, {verdict(cost.seconds, AIM_SECONDS)}; ", end="")
        print(f"{cost.gib:.2f} GiB, {verdict(cost.gib, AIM_GIB)}")


if __name__ == "__main__":
    main()
