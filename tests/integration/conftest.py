"""The tiny study, run once for all tests that only look at what it left."""

from __future__ import annotations

from pathlib import Path

import pytest
import studies


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Study file of the tiny study."""
    return studies.write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def finished(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home of the tiny study after one undisturbed run."""
    homes = tmp_path_factory.mktemp("homes")
    result = studies.factroots_process("run", tiny_study, "--home", homes)
    assert result.returncode == 0, result.stderr
    return homes / "tiny"
