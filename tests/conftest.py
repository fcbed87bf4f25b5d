"""Fixtures shared by all tests: where the checkout and the real data lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first: it runs the tiny study once for all, so that no process waits for it."""
    items.sort(key=lambda item: item.path.name != "test_run.py")


@pytest.fixture(scope="session")
def project() -> Path:
    """Root folder of the checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data sets; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("FACTROOTS_REAL_DATA", PROJECT.parent / "shared" / "data"))
    if not (folder / "mlama1.1.zip").exists():
        pytest.skip(
            f"no real data in {folder}: point FACTROOTS_REAL_DATA at the folder that holds it"
        )
    return folder
