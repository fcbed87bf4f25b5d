"""Paths of the project's own files: its packages, its dbt project, the embedded studies."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DBT_PROJECT", "IS_CHECKOUT", "PROJECT", "STUDIES", "embedded_studies"]

PROJECT = Path(__file__).resolve().parents[1]
"""The folder that holds the packages: the checkout, or the installed package ``factroots``."""
IS_CHECKOUT = (PROJECT / "pyproject.toml").is_file()
"""Whether the code runs from a checkout; otherwise it was installed from a wheel."""
DBT_PROJECT = PROJECT / "dbt"
"""The dbt project."""
STUDIES = Path(__file__).resolve().parent / "studies"
"""The study files that come with the project."""


def embedded_studies() -> dict[str, Path]:
    """Finds the studies that come with the project, by name."""
    return {path.stem: path for path in sorted(STUDIES.glob("*.yml"))}
