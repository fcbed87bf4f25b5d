"""A study on a real local Ray cluster gives the same tables as in one process.

One run serves most of these tests: the tiny study from scratch on two workers. One worker is killed
while it computes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dagster_project.runtime.connect import workers_at
from dagster_project.runtime.workers import LostWorkerError, Workers, WorkersError
from models_gpu.errors import ModelError
from tests.helpers import studies
from tests.helpers.ray_work import work

# Not Ray itself, which reads its settings when it is imported.
pytest.importorskip("dagster_ray", reason="the extra ray is not installed: make test-nightly does")
pytestmark = [pytest.mark.slow, pytest.mark.nightly]

PATIENCE_SECONDS = 900.0
AT_WORK = b"ray::worker"
"""Title of a worker's process while it has a task."""


@dataclass(frozen=True)
class Disturbed:
    """A run on a cluster in which a worker was killed."""

    status: int
    """Exit status of the run."""
    said: str
    """What it said."""
    homes: Path
    """Folder with its home."""
    listening: set[str]
    """Addresses at which processes of the cluster listened, as the kernel writes them."""
    mark: str
    """What all its processes have in their environment."""


@pytest.fixture(scope="module")
def disturbed(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Disturbed:
    homes, mark = tmp_path_factory.mktemp("ray"), uuid.uuid4().hex
    arguments = studies.command("run", tiny_study, "--home", homes, "--ray", "local:2")
    environment = os.environ | studies.SECRETS | {"FACTROOTS_TEST": mark}
    log = homes / "log"
    with log.open("w") as file:
        run = subprocess.Popen(arguments, stdout=file, stderr=file, env=environment)
    until = time.monotonic() + PATIENCE_SECONDS
    while not (found := [number for number in processes(mark) if title(number) == AT_WORK]):
        assert run.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.02)
    listening = {address for number in processes(mark) for address in listens(number)}
    os.kill(found[0], signal.SIGKILL)
    status = run.wait(PATIENCE_SECONDS)
    return Disturbed(status, log.read_text(), homes, listening, mark)


def processes(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def title(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().rstrip(b"\0 ")
    except OSError:
        return b""


def listens(process: int) -> set[str]:
    try:
        links = [str(path.readlink()) for path in Path(f"/proc/{process}/fd").iterdir()]
        lines = [
            line.split()
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]
        ]
    except OSError:
        return set()
    sockets = {link.removeprefix("socket:[").rstrip("]") for link in links}
    return {line[1].partition(":")[0] for line in lines if line[3] == "0A" and line[9] in sockets}


def test_a_worker_that_is_killed_costs_nothing_and_the_tables_are_the_same(
    disturbed: Disturbed, finished: Path
) -> None:
    assert disturbed.status == 0, disturbed.said
    assert "ray: 2 workers" in disturbed.said
    assert "predictions second/de: " in disturbed.said
    published = [home / "factroots.duckdb" for home in (finished, disturbed.homes / "tiny")]
    result = studies.factroots("diff", *published, "--tolerance", "1e-5")
    assert result.exit_code == 0, result.stdout


def test_a_cluster_of_this_machine_listens_on_loopback_alone(disturbed: Disturbed) -> None:
    loopback = {"0100007F", f"{'0' * 24}01000000", f"{'0' * 16}FFFF00000100007F"}
    assert disturbed.listening
    assert disturbed.listening <= loopback


def test_a_cluster_of_this_machine_leaves_nothing_behind(disturbed: Disturbed) -> None:
    assert processes(disturbed.mark) == []
    assert not list(disturbed.homes.rglob("*.tmp"))
    files = [path for path in disturbed.homes.rglob("*") if path.is_file()]
    for secret in studies.SECRETS.values():
        assert not [path for path in files if secret.encode() in path.read_bytes()]


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    cluster = workers_at("local:2")
    with pytest.MonkeyPatch.context() as patch:
        # Where workers find ``tests.helpers``.
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        with cluster.held():
            yield cluster


def test_every_task_is_done_once_with_what_all_share_and_one_thread(workers: Workers) -> None:
    shared = workers.put("shared")
    done = workers.each(work, ((shared, str(task)) for task in range(9)), is_of_model=True)
    assert sorted(done) == [(str(task), f"shared {task} 1") for task in range(9)]


def test_a_model_that_fails_says_the_same_as_in_one_process(workers: Workers) -> None:
    with pytest.raises(ModelError) as error:
        list(workers.each(work, [(workers.put(0), "broken")], is_of_model=True))
    assert str(error.value) == "model 'second': there is no such model"


def test_work_that_kills_every_worker_is_given_up_with_a_reason(workers: Workers) -> None:
    with pytest.raises(LostWorkerError, match=r"4 workers died .* memory ran out"):
        list(workers.each(work, [(workers.put(0), "killed")], is_of_model=False))


def test_workers_with_other_code_are_refused(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_project.runtime.ray_cluster.code_fingerprint", lambda: "older")
    with pytest.raises(WorkersError, match="has another version of factroots"):
        list(workers.each(work, [(workers.put(0), "1")], is_of_model=True))


def test_a_cluster_that_is_not_there_is_told_in_one_sentence() -> None:
    with pytest.raises(WorkersError, match="is no address of a cluster: write local"):
        workers_at("nowhere")
