"""Runs the tiny study once for all tests that only read its results."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import studies


@pytest.fixture(scope="session")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that all processes of this test session share."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "together"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def tiny_study(together: Path) -> Path:
    """Study file of the tiny study, which no test changes."""
    with (together / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        study = together / "study" / "tiny.yml"
        return study if study.exists() else studies.write_study(study.parent)


@pytest.fixture(scope="session")
def undisturbed(together: Path, tiny_study: Path) -> Path:
    """Home of the tiny study after one run, made by the first process that needs it; read-only."""
    with (together / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        homes, done = together / "homes", together / "done"
        if not done.exists():
            result = studies.factroots_process("run", tiny_study, "--home", homes)
            assert result.returncode == 0, result.stderr
            assert "leaked" not in result.stderr
            done.touch()
    return homes / "tiny"


@pytest.fixture(scope="session")
def finished(undisturbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of that home for each process, read-only."""
    return Path(shutil.copytree(undisturbed, tmp_path_factory.mktemp("homes") / "tiny"))


@pytest.fixture
def home(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished home that a test may damage.

    It has the same path in all tests of a process, so dbt reads its project only once.
    """
    folder, kept = (tmp_path_factory.getbasetemp() / name for name in ("harmed", "parsed"))
    parsed = folder / "tiny" / "build" / "target"
    if parsed.exists():
        shutil.rmtree(kept, ignore_errors=True)
        parsed.rename(kept)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(finished, folder / "tiny")
    if kept.exists():
        shutil.rmtree(parsed)
        shutil.copytree(kept, parsed)
    return folder / "tiny"


_POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Postgres server of this session, on loopback; skipped where there is none."""
    pytest.importorskip("dagster_postgres", reason="pip install 'factroots[postgres]'")
    if not _POSTGRES:
        pytest.skip("no Postgres on this machine: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="factroots-postgres-"))
    # Postgres refuses to run as root; the package made this user.
    is_root = os.geteuid() == 0
    become = ["runuser", "-u", "postgres", "--"] if is_root else []
    if is_root:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(program: str, *arguments: str) -> None:
        command = [*become, str(_POSTGRES[0] / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    call("initdb", "-U", "factroots", "-A", "trust")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    yield f"postgresql+psycopg2://factroots@127.0.0.1:{port}/postgres"
    call("pg_ctl", "-m", "immediate", "stop")
    shutil.rmtree(folder)
