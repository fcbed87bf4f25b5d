"""Where a study's files lie, and the lock that keeps two runs of one study apart."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Home", "HomeError"]


class HomeError(RuntimeError):
    """The home cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Home:
    """The folder of one study: ``<home>/<study name>``."""

    root: Path
    """The study's folder, absolute."""

    @property
    def lake(self) -> Path:
        """Sealed Parquet parts: the truth that everything else is rebuilt from."""
        return self.root / "lake"

    @property
    def build(self) -> Path:
        """dbt's DuckDB file and artefacts; may be deleted at any time."""
        return self.root / "build"

    @property
    def build_file(self) -> Path:
        """The DuckDB file that dbt writes; same basename as the published one."""
        return self.build / "factroots.duckdb"

    @property
    def published_file(self) -> Path:
        """The DuckDB file that people open."""
        return self.root / "factroots.duckdb"

    @property
    def report(self) -> Path:
        """The report, and its figures as files where they were asked for."""
        return self.root / "report"

    @property
    def report_file(self) -> Path:
        """The page that people open."""
        return self.report / "report.html"

    @property
    def corpora(self) -> Path:
        """Text of the embedded corpora, written from their truth."""
        return self.root / "corpora"

    @property
    def tracing(self) -> Path:
        """Counts of finished files of corpora that are being traced, per corpus and language."""
        return self.root / "tracing"

    @property
    def dagster(self) -> Path:
        """Dagster's own storage: runs, events, partitions of this study."""
        return self.root / "dagster"

    def create(self) -> None:
        """Make the folders.

        Raises:
            HomeError: a folder cannot be made or written.
        """
        for folder in (self.lake, self.build, self.dagster):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise HomeError(_refusal(folder, error)) from error
            if not os.access(folder, os.W_OK):
                raise HomeError(f"{folder} cannot be written: {_REMEDY}")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the study for one run; the operating system lets go when the process ends.

        Raises:
            HomeError: another run holds it, or the folder cannot be written.
        """
        path = self.root / ".lock"
        try:
            file = path.open("a+")
        except OSError as error:
            raise HomeError(_refusal(path, error)) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise HomeError(
                    f"another run of this study is at work in {self.root} (process {holder}): "
                    "wait for it, or stop it and run again; what it finished is kept"
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield


_REMEDY = "choose another folder with --home or change its permissions"


def _refusal(path: Path, error: OSError) -> str:
    return f"{path} cannot be made ({error.strerror}): {_REMEDY}"
