"""Faults, injected: what each costs is one clear message, and nothing that was finished.

The table of faults in docs/operations.md names these tests. Every one ends with the tables of a run
that nothing disturbed. Killed runs are in ``test_run``, a killed daemon is in ``test_nightly``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import torch
from click.testing import Result
from polars.testing import assert_frame_equal

from models_gpu.loading.families import ModelView
from tests.helpers import studies

LOST = "predictions/second/it.parquet"


def run(study: Path, home: Path, *arguments: str) -> Result:
    return studies.factroots("run", study, "--home", home.parent, *arguments)


def said(result: Result) -> str:
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


def has_undisturbed_rows(home: Path, finished: Path, part: str = LOST) -> bool:
    """Log-probabilities may differ in their last digits where batches had other shapes."""
    mine, theirs = (pl.read_parquet(root / "lake" / part) for root in (home, finished))
    with contextlib.suppress(AssertionError):
        assert_frame_equal(mine, theirs, abs_tol=1e-5)
        return True
    return False


def has_undisturbed_tables(home: Path, finished: Path) -> bool:
    warehouses = (home / "factroots.duckdb", finished / "factroots.duckdb")
    mine, theirs = map(studies.published_tables, warehouses)
    return mine == theirs


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, int], None]]:
    """Puts a folder on a disk of its own, of this size in bytes; a second call changes the size."""
    mounted: list[Path] = []

    def put(folder: Path, size: int) -> None:
        if folder in mounted:
            mount(folder, f"remount,size={size}")
            return
        content = folder.with_name(f"{folder.name}-content")
        folder.rename(content)
        folder.mkdir()
        mount(folder, f"size={size}")
        mounted.append(folder)
        shutil.copytree(content, folder, dirs_exist_ok=True)

    def mount(folder: Path, options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a full disk needs the right to mount a small one")

    yield put
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_is_full_while_parquet_is_written_costs_only_that_part(
    tiny_study: Path, finished: Path, home: Path, small_disk: Callable[[Path, int], None]
) -> None:
    lake = home / "lake"
    (lake / LOST).unlink()
    small_disk(lake, 8 << 20)
    filler = lake / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 12))
    stopped = run(tiny_study, home)
    assert stopped.exit_code == 2
    assert "factroots: cannot write" in said(stopped)
    assert "the disk is full: free some space" in said(stopped)
    assert "it.parquet" in stopped.stderr
    assert not (lake / LOST).exists()
    assert not list(lake.rglob("*.tmp"))
    filler.unlink()
    assert run(tiny_study, home).exit_code == 0
    assert has_undisturbed_rows(home, finished)
    assert has_undisturbed_tables(home, finished)


@dataclass(frozen=True)
class Trouble:
    """A model that no memory is left for, then a disk that is full while dbt builds."""

    without_memory: Result
    """The run with too little memory for the model 'second'."""
    published: list[tuple[object, ...]]
    """Models that it published."""
    missing: list[tuple[object, ...]]
    """Models that it named as missing."""
    full: Result
    """The next run, with memory, but on a full disk."""
    published_then: list[tuple[object, ...]]
    """Models of the published file after that."""
    healed: Result
    """The last run, with memory and space."""
    home: Path
    """Home of the study."""


@pytest.fixture
def trouble(
    tiny_study: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    small_disk: Callable[[Path, int], None],
) -> Trouble:
    for table in ("predictions", "active_neurons"):
        shutil.rmtree(home / "lake" / table / "second")
    with monkeypatch.context() as patch:
        patch.setattr(ModelView, "encode", failing_above(0, ModelView.encode))
        without_memory = run(tiny_study, home)
    published = ask(home, "select model_id from dim_models order by all")
    missing = ask(home, "select model_id, reason from operations.missing_models")
    # dbt's file takes more than what is left: a page of it for every table.
    (home / "build" / "factroots.duckdb").unlink()
    small_disk(home, used(home) + (3 << 20))
    full = run(tiny_study, home)
    published_then = ask(home, "select model_id from dim_models order by all")
    small_disk(home, 1 << 30)
    healed = run(tiny_study, home)
    return Trouble(without_memory, published, missing, full, published_then, healed, home)


def failing_above(most: int, step: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """A forward pass on a device that has memory for ``most`` rows."""

    def fail(view: ModelView, rows: Any, *others: Any) -> torch.Tensor:
        if len(rows) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB")
        return step(view, rows, *others)

    return fail


def ask(home: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(home / "factroots.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


def used(folder: Path) -> int:
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*"))


@pytest.mark.slow
@pytest.mark.nightly
def test_a_model_without_memory_and_a_full_disk_cost_nothing_that_was_finished(
    trouble: Trouble, finished: Path
) -> None:
    assert trouble.without_memory.exit_code == 1
    assert "published without 1 of the models" in said(trouble.without_memory)
    assert trouble.published == [("first",), ("third",)]
    ((model_id, reason),) = trouble.missing
    assert model_id == "second"
    assert "no memory for a single query" in str(reason)
    assert trouble.full.exit_code == 2
    assert "predictions second/it" in said(trouble.full)
    assert any(word in said(trouble.full) for word in ("No space left", "the disk"))
    assert trouble.published_then == [("first",), ("third",)]
    assert trouble.healed.exit_code == 0, trouble.healed.stderr
    assert "predictions second" not in trouble.healed.stderr
    assert has_undisturbed_tables(trouble.home, finished)


def test_a_device_with_little_memory_gives_the_same_rows(
    tiny_study: Path, finished: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "lake" / LOST).unlink()
    monkeypatch.setattr(ModelView, "encode", failing_above(3, ModelView.encode))
    result = run(tiny_study, home)
    assert result.exit_code == 0, result.stderr
    assert has_undisturbed_rows(home, finished)


def test_parts_that_were_cut_or_edited_are_named_and_computed_again(
    tiny_study: Path, finished: Path, home: Path
) -> None:
    cut = home / "lake" / "predictions" / "first" / "en.parquet"
    cut.write_bytes(cut.read_bytes()[:-30])
    edited = home / "lake" / LOST
    content = bytearray(edited.read_bytes())
    content[100] ^= 1
    edited.write_bytes(content)
    replaced = home / "lake" / "occurrences" / "texts" / "en.parquet"
    pl.read_parquet(replaced).head(1).write_parquet(replaced)
    result = run(tiny_study, home)
    assert result.exit_code == 0, result.stderr
    assert "predictions second/it" in result.stderr
    assert "was changed after it was written" in said(result)
    assert "(3 damaged)" in said(result)
    assert "predictions first/de" not in result.stderr
    for part in ("predictions/first/en", "occurrences/texts/en"):
        assert has_undisturbed_rows(home, finished, f"{part}.parquet")
    assert has_undisturbed_rows(home, finished)
    assert has_undisturbed_tables(home, finished)


def test_a_publishing_that_is_killed_leaves_the_last_file(finished: Path, home: Path) -> None:
    published = home / "factroots.duckdb"
    before = published.stat().st_mtime_ns
    script = (
        "import sys; from pathlib import Path; from warehouse.publish import publish; "
        "publish(Path(sys.argv[1]), Path(sys.argv[2]), 'killed')"
    )
    build = home / "build" / "factroots.duckdb"
    process = subprocess.Popen([sys.executable, "-c", script, str(build), str(published)])
    while not list(home.glob(".factroots.duckdb.*")) and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"
    assert published.stat().st_mtime_ns == before
    assert has_undisturbed_tables(home, finished)
    from warehouse.publish import publish

    publish(build, published, "again")
    assert has_undisturbed_tables(home, finished)
    assert not list(home.glob(".factroots.duckdb.*"))


def test_a_clock_that_jumps_makes_nothing_stale(tiny_study: Path, home: Path) -> None:
    past, future = 10**9, 4 * 10**9
    for number, path in enumerate(sorted(home.rglob("*.parquet"))):
        os.utime(path, (past, past) if number % 2 else (future, future))
    assert "Nothing to do" in run(tiny_study, home).stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_stop_says_so_in_one_line(
    tiny_study: Path, home: Path, number: signal.Signals
) -> None:
    (home / "lake" / LOST).unlink()
    arguments = studies.command("run", tiny_study, "--home", home.parent)
    process = subprocess.Popen(
        arguments,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        # A shell that started the tests in the background has every child ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert b": 1 of " in first, first
    time.sleep(1.0)
    process.send_signal(number)
    last = process.stderr.read().decode()
    assert process.wait() == 128 + number, last
    assert "Traceback" not in last
    assert last.splitlines()[-1] == (
        "factroots: stopped; what is finished is kept; run again to go on"
    )
