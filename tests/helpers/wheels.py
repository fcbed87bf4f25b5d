"""Builds the wheel of this checkout, and runs what it contains far away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

TOP_LEVEL = ("dagster_project", "ingestion", "models_gpu", "warehouse")
"""Packages of the repository; nobody else's modules of these names are hidden or used."""


def build_wheel(project: Path, folder: Path) -> Path:
    """Build the wheel and return its file."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*command, "--wheel-dir", folder, project], check=True, capture_output=True, text=True
    )
    [wheel] = folder.glob("*.whl")
    return wheel


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a user with this home folder, who has no checkout."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FACTROOTS", "PYTHON", "XDG", "DAGSTER", "DBT", "COV_"))
    }
    return kept | {"HOME": str(home)} | more


def run(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Run a command in a folder; return its standard output, or fail with its errors."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
