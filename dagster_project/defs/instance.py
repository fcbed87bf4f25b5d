"""Dagster's storage of a study: runs, events, partitions and settings, in the study's home.

The text of the settings is in ``dagster_project.study.dagster_settings``.
"""

from __future__ import annotations

import os

import dagster as dg

from dagster_project.defs.storage import put_damaged_aside
from dagster_project.study.dagster_settings import is_own, settings_file, settings_text
from dagster_project.study.home import Home

__all__ = ["open_instance"]


def open_instance(home: Home) -> dg.DagsterInstance:
    """Opens Dagster's storage of this study, with our settings or those of the user."""
    settings, wanted = settings_file(home), settings_text(home)
    found = settings.read_bytes().decode(errors="replace") if settings.exists() else ""
    if found != wanted and (not found.strip() or is_own(found)):
        settings.write_text(wanted, encoding="utf-8")
    put_damaged_aside(home.dagster)
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    return dg.DagsterInstance.get()
