"""The tiny study, run once for all tests that only look at what it left."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest
import studies


@pytest.fixture(scope="session")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test session share."""
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
def finished(together: Path, tiny_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home of the tiny study after one undisturbed run: the process that asks first runs it, and
    each gets a copy."""
    with (together / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        homes, done = together / "homes", together / "done"
        if not done.exists():
            result = studies.factroots_process("run", tiny_study, "--home", homes)
            assert result.returncode == 0, result.stderr
            assert "leaked" not in result.stderr
            done.touch()
    return Path(shutil.copytree(homes / "tiny", tmp_path_factory.mktemp("homes") / "tiny"))
