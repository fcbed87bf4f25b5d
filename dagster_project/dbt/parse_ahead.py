"""Parses the dbt project while a run looks at its models, which takes as long on another core.

What belongs here: parsing before it is known that the study can be run, so that nothing is written
into its home. What does not: the manifest of a home (``dagster_project.dbt.project``).
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from dagster_project.dbt.project import manifest_version, prepare_manifest, start_parsing
from dagster_project.study.home import Home
from dagster_project.study.schema import Study

__all__ = ["ParsingAhead"]


class ParsingAhead:
    """Parsing in another process, for a home that has no manifest yet; ends with the block."""

    def __init__(self, study: Study, home: Home) -> None:
        self._study = study
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._version = ""

    def __enter__(self) -> ParsingAhead:
        """Starts the process, if there is something to parse."""
        if not (self._home.build / "target" / "manifest.json").exists():
            self._folder = tempfile.TemporaryDirectory(prefix="factroots-dbt-")
            self._version = manifest_version(self._study, self._home)
            self._process = start_parsing(self._study, self._home, Path(self._folder.name))
        return self

    def finish(self) -> dict[str, Any]:
        """Waits, moves what was parsed into the home, and returns dbt's manifest.

        Raises:
            DbtError: the project does not parse; with dbt's message.
        """
        if self._process is not None and self._folder is not None and self._process.wait() == 0:
            target = self._home.build / "target"
            target.mkdir(parents=True, exist_ok=True)
            for path in sorted(Path(self._folder.name).iterdir()):
                shutil.move(path, target / path.name)
            (target / "manifest.version").write_text(self._version, encoding="utf-8")
        return prepare_manifest(self._study, self._home)

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
