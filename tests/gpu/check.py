"""Everything that only a GPU can show, in less than eight minutes (``make gpu-check``).

Run: ``python -m tests.gpu.check [--device cuda] [--seconds 480]``

Runs, each in a process of its own and within the time that is left: the tests of ``tests/gpu``
(every family and method, a batch that runs out of memory), the rates of probing, PROBELESS and
integrated gradients at mBERT's shape, and a study on Ray with a GPU per worker. Prints a table for
docs/performance.md, and ends with status 1 if anything failed. On another device the same steps run
over little work, which proves the script and measures nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from tests.helpers import studies

PROJECT = Path(__file__).resolve().parents[2]
SMALL = ["--layers", "2", "--hidden", "64"]
"""Shape of the model where nothing is to be measured."""
FIGURES = {
    "tests": r"(\d+ passed[^\n]*) in",
    "probing": r"ours, facts to Parquet +(?P<queries>\d+) +(?P<seconds>[\d.]+) +(?P<rate>[\d.]+)",
    "share": r"runs at ([\d.]+%) of the matrix-product rate",
    "probeless": r"ours, facts to Parquet +[\d.]+ +([\d.]+)",
    "gradients": r"^ours +\d+ +([\d.]+)",
    "speedup": r"ours: ([\d.]+)× faster",
    "memory": r"peak memory on the device: ([\d.]+ GiB)",
}
"""What to find in the output of a step."""


@dataclass(frozen=True)
class Step:
    """One thing to run."""

    name: str
    """What it shows."""
    command: list[str]
    """The command; ``python`` is this one."""
    figures: dict[str, str]
    """Column of the table → name in ``FIGURES``."""
    most_seconds: int
    """Its share of the time."""


def steps(device: str, folder: Path) -> Iterator[Step]:
    """Lists what to run, the most important first."""
    is_gpu = device == "cuda"
    probing = ["-m", "tests.benchmarks.probing", "--only-ours", "--device", device]
    probing += ["--languages", "all", "--queries", "0"] if is_gpu else ["--queries", "200", *SMALL]
    probeless = ["-m", "tests.benchmarks.probeless", "--only-ours", "--device", device]
    probeless += ["--facts", "0"] if is_gpu else ["--facts", "40", *SMALL]
    gradients = ["-m", "tests.benchmarks.integrated_gradients", "--device", device]
    gradients += ["--facts", "200", "--plain-facts", "4"] if is_gpu else ["--facts", "4", *SMALL]
    gradients += ["--vocabulary", "119547"] if is_gpu else []
    yield Step(
        "families and methods as on the CPU; memory that runs out",
        ["-m", "pytest", "-n", "0", "-q", "-m", "gpu", "tests/gpu"],
        {"result": "tests"},
        200,
    )
    for dtype in ("float32", "bfloat16") if is_gpu else ("float32",):
        yield Step(
            f"probing, mBERT's shape, every query of mLAMA, {dtype}"
            + (" (goal: below 20 s)" if dtype == "float32" else ""),
            [*probing, "--dtype", dtype],
            {"seconds": "probing", "of matrix products": "share", "memory": "memory"},
            90,
        )
    yield Step(
        "PROBELESS, mBERT's shape, English",
        probeless,
        {"ms/fact": "probeless", "memory": "memory"},
        60,
    )
    yield Step(
        "integrated gradients, mBERT's shape, 20 steps",
        gradients,
        {"s/fact": "gradients", "times the plain way": "speedup", "memory": "memory"},
        60,
    )
    study = studies.write_study(folder / "study")
    run = ["-m", "dagster_project.cli.main", "run", str(study), "--home", str(folder / "ray")]
    yield Step("a study on Ray, a GPU per worker", [*run, "--ray", "local:1"], {}, 150)


def run_step(step: Step, device: str, seconds: float) -> tuple[bool, str]:
    """Runs a step; returns whether it succeeded, and its figures or why it failed."""
    limit = min(step.most_seconds, seconds) if device == "cuda" else seconds
    if limit <= 1:
        return False, "no time left"
    environment = os.environ | {"FACTROOTS_TEST_DEVICE": device, "PYTHONPATH": str(PROJECT)}
    try:
        done = subprocess.run(
            [sys.executable, *step.command],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"not done after {limit:.0f} s"
    text = done.stdout + done.stderr
    if done.returncode:
        return False, f"failed: {' '.join(text.split()[-40:])}"
    return True, figures(step, text) or "done"


def figures(step: Step, text: str) -> str:
    """The figures of a step, from what it printed."""
    found = []
    for column, name in step.figures.items():
        match = re.search(FIGURES[name], text, re.MULTILINE)
        if match is None:
            continue
        named = match.groupdict()
        value = f"{named['queries']} queries in {named['seconds']} s" if named else match[1]
        found.append(value if named or column == "result" else f"{value} {column}")
    return ", ".join(found)


def machine(device: str) -> str:
    """The device and the versions, for the title of the table."""
    name = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    return f"{name}, torch {torch.__version__}, Python {platform.python_version()}"


def main() -> int:
    """Runs the steps, prints the table, and returns the number of failures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda; cpu proves the script itself")
    parser.add_argument("--seconds", type=float, default=480, help="for all steps together")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device: --device cpu (make gpu-check DEVICE=cpu) tries the script itself")
        return 1
    started, rows, failures = time.monotonic(), [], 0
    with tempfile.TemporaryDirectory() as folder:
        for step in steps(options.device, Path(folder)):
            begun = time.monotonic()
            is_right, said = run_step(step, options.device, options.seconds - (begun - started))
            failures += not is_right
            took = time.monotonic() - begun
            print(f"{'ok' if is_right else 'FAILED'}: {step.name} ({took:.0f} s)", flush=True)
            rows.append(f"| {step.name} | {said} | {took:.0f} |")
    print(f"\n{machine(options.device)}, {time.monotonic() - started:.0f} s in all:\n")
    print("\n".join(["| what | figures | seconds |", "|---|---|---|", *rows]))
    return failures


if __name__ == "__main__":
    sys.exit(min(main(), 1))
