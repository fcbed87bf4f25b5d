"""Parses the dbt project while a run looks at its models, which takes as long on another core.

What belongs here: parsing before it is known that the study can be run, so that nothing is written
into its home. What does not: the manifest of a home (``dagster_project.dbt.project``).
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from dagster_project.dbt.project import (
    MANIFEST,
    VERSION,
    manifest_version,
    prepare_manifest,
    start_parsing,
)
from dagster_project.study.home import Home
from dagster_project.study.schema import Study, StudyError

__all__ = ["ParsingAhead"]


class ParsingAhead:
    """Parsing in another process, for a home that has no manifest yet; ends with the block.

    Args:
        read: gives the study and its home. A study that is refused is not parsed for; whoever looks
            at the whole study then reports all its problems.
    """

    def __init__(self, read: Callable[[], tuple[Study, Home]]) -> None:
        self._read = read
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._version = ""

    def __enter__(self) -> ParsingAhead:
        """Starts the process, if there is something to parse."""
        with contextlib.suppress(StudyError):
            study, home = self._read()
            if not (home.dbt_target / MANIFEST).exists():
                self._folder = tempfile.TemporaryDirectory(prefix="factroots-dbt-")
                self._version = manifest_version(study, home)
                self._process = start_parsing(study, home, Path(self._folder.name))
        return self

    def finish(self) -> dict[str, Any]:
        """Waits, moves what was parsed into the home, and returns dbt's manifest.

        Raises:
            DbtError: the project does not parse; with dbt's message.
        """
        study, home = self._read()
        if self._process is not None and self._folder is not None and self._process.wait() == 0:
            home.dbt_target.mkdir(parents=True, exist_ok=True)
            for path in sorted(Path(self._folder.name).iterdir()):
                shutil.move(path, home.dbt_target / path.name)
            (home.dbt_target / VERSION).write_text(self._version, encoding="utf-8")
        return prepare_manifest(study, home)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the process, if nobody waited for it."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.cleanup()
