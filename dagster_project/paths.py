"""Paths of the project's own files: the checkout, its dbt project, the embedded studies."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DBT_PROJECT", "PROJECT", "STUDIES"]

PROJECT = Path(__file__).resolve().parents[1]
"""The folder that holds the packages."""
DBT_PROJECT = PROJECT / "dbt"
"""The dbt project."""
STUDIES = Path(__file__).resolve().parent / "studies"
"""The study files that come with the project."""
