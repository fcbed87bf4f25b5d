"""Finds the home of a study by its name alone, for commands that only read its results.

So these commands start at once, and a mistake in a study file hides no finished warehouse.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from dagster_project.paths import embedded_studies
from dagster_project.study.home import STUDY_NAME, Home

__all__ = ["study_home"]


def study_home(study: str, homes: Path) -> Home:
    """Find a study's home.

    Args:
        study: file or name of an embedded study.
        homes: folder with one home per study.

    Raises:
        StudyError: no such study, or a file without a usable name.
    """
    return Home((homes / _name(study)).resolve())


def _name(study: str) -> str:
    if study in embedded_studies():
        return study
    with contextlib.suppress(OSError, ValueError):
        from dagster_project.study.yaml_file import read

        data = read(Path(study).expanduser())
        name = data.get("name") if isinstance(data, dict) else None
        if isinstance(name, str) and STUDY_NAME.fullmatch(name):
            return name
    from dagster_project.study.load import load_study

    return load_study(study).name
