"""Where a study's files lie, and the lock that keeps two runs of one study apart."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

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
    def previews(self) -> Path:
        """First rows of each mart that dbt built, to be shown beside its run."""
        return self.build / "previews"

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
    def failures(self) -> Path:
        """Why a model could not be computed: one text a model, gone when it could."""
        return self.root / "failures"

    @property
    def verified(self) -> Path:
        """Names the run that verified the lake last; what failed before it is tried again."""
        return self.root / "verified"

    @property
    def dagster(self) -> Path:
        """Dagster's own storage: runs, events, partitions of this study."""
        return self.root / "dagster"

    def create(self) -> None:
        """Make the folders.

        Raises:
            HomeError: a folder cannot be made or written, or holds other things.
        """
        self._refuse_other_things()
        for folder in (self.lake, self.build, self.dagster):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise HomeError(_refusal(folder, error)) from error
            if not os.access(folder, os.W_OK):
                raise HomeError(f"{folder} cannot be written: {_REMEDY}")

    def _refuse_other_things(self) -> None:
        if not self.root.is_dir() or self.lake.exists() or (self.root / ".lock").exists():
            return
        if found := sorted(path.name for path in self.root.iterdir()):
            raise HomeError(
                f"{self.root} holds things that are not a study's, such as {found[0]}: choose "
                "another folder with --home, or another name for the study"
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the study for one run; the operating system lets go when the process ends.

        Raises:
            HomeError: another run holds it, or the folder cannot be written.
        """
        with self._lock_file() as file:
            # A look at the lock holds it for an instant: that is no run.
            for _ in range(_TRIES):
                if _try_lock(file):
                    break
                time.sleep(_INSTANT)
            else:
                raise HomeError(
                    f"another run of this study is at work in {self.root} (process "
                    f"{self.holder()}): wait for it, or stop it and run again; what it finished "
                    "is kept"
                )
            with self._held(file):
                yield

    @contextlib.contextmanager
    def awaited(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Hold the study for one step of a run, once any other run has let go of it.

        A process that holds the study already goes on at once.

        Args:
            tell: is told, once, whom the step waits for.

        Raises:
            HomeError: the folder cannot be written.
        """
        if self.root in _HELD:
            yield
            return
        with self._lock_file() as file:
            if not _try_lock(file):
                tell(f"waiting for process {self.holder()}, which is at work on this study")
                fcntl.flock(file, fcntl.LOCK_EX)
            with self._held(file):
                yield

    def is_free(self) -> bool:
        """Whether no process is at work on this study."""
        with self._lock_file() as file:
            return _try_lock(file)

    def holder(self) -> str:
        """Process that holds the study, or held it last."""
        try:
            return (self.root / ".lock").read_text(encoding="utf-8").strip() or "unknown"
        except OSError:
            return "unknown"

    @contextlib.contextmanager
    def _lock_file(self) -> Iterator[IO[str]]:
        path = self.root / ".lock"
        try:
            file = path.open("a+")
        except OSError as error:
            raise HomeError(_refusal(path, error)) from error
        with file:
            yield file

    @contextlib.contextmanager
    def _held(self, file: IO[str]) -> Iterator[None]:
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        _HELD.add(self.root)
        try:
            yield
        finally:
            _HELD.discard(self.root)


_HELD: set[Path] = set()
"""Homes that this process holds."""
_TRIES, _INSTANT = 5, 0.1


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_REMEDY = "choose another folder with --home or change its permissions"


def _refusal(path: Path, error: OSError) -> str:
    return f"{path} cannot be made ({error.strerror}): {_REMEDY}"
