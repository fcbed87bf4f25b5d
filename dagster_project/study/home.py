"""The home: where a study's files are. Its lock is in ``dagster_project.study.lock``."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from dagster_project.paths import IS_CHECKOUT
from dagster_project.study.lock import REMEDY, HomeError, StudyLock, home_error

__all__ = ["STUDY_NAME", "Home", "HomeError", "default_homes", "homes_folder"]

STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What names of studies, models and corpora look like: each can be the name of a folder."""


def default_homes() -> Path:
    """The folder that holds one home per study, where nothing else is asked for.

    In a checkout it is ``warehouse``. Installed from a wheel, it is the same folder wherever a
    command is run: the user's folder for data, such as ``~/.local/share/factroots``.
    """
    return Path("warehouse") if IS_CHECKOUT else platformdirs.user_data_path("factroots", False)


def homes_folder(wanted: str | Path | None = None) -> Path:
    """The folder of homes, absolute: what is wanted, or FACTROOTS_HOME, or the default."""
    return Path(wanted or os.environ.get("FACTROOTS_HOME") or default_homes()).absolute()


_MISREAD = re.compile(r"[?#\\\x00-\x1f\ud800-\udfff]|\{[{%]|%[0-9a-fA-F]{2}")
"""What SQLAlchemy reads as part of an address, and dbt as Jinja."""
_SQLITE_BYTES = 511
"""The longest path of a database that SQLite opens."""
_LONGEST = "schedules/schedules.db-journal"


@dataclass(frozen=True)
class Home:
    """The folder of one study: ``<home>/<study name>``."""

    root: Path
    """The study's folder, absolute."""

    @property
    def lake(self) -> Path:
        """Parquet parts with checksums: everything else is rebuilt from them."""
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
    def dbt_target(self) -> Path:
        """Folder for what dbt writes about its work: manifest and results."""
        return self.build / "target"

    @property
    def marts_lake(self) -> Path:
        """Links to the parts of the lake that the marts are built from; dbt reads this folder."""
        return self.build / "lake"

    @property
    def previews(self) -> Path:
        """First rows of each mart that dbt built, shown with its run."""
        return self.build / "previews"

    @property
    def published_file(self) -> Path:
        """The DuckDB file that people open."""
        return self.root / "factroots.duckdb"

    @property
    def report(self) -> Path:
        """The report, and its figures as files where they were requested."""
        return self.root / "report"

    @property
    def report_file(self) -> Path:
        """The page that people open."""
        return self.report / "report.html"

    @property
    def corpora(self) -> Path:
        """Text of the embedded corpora, written from what is planted in them."""
        return self.root / "corpora"

    @property
    def tracing(self) -> Path:
        """Counts of finished files of corpora that are being traced, per corpus and language."""
        return self.root / "tracing"

    @property
    def failures(self) -> Path:
        """Why models could not be computed: one text per model, deleted on success."""
        return self.root / "failures"

    @property
    def log_file(self) -> Path:
        """The log lines of all runs from the command line."""
        return self.root / "run.log"

    @property
    def verified(self) -> Path:
        """Id of the run that verified the lake last; what failed before it is tried again."""
        return self.root / "verified"

    @property
    def dagster(self) -> Path:
        """Dagster's own storage: runs, events, partitions of this study."""
        return self.root / "dagster"

    def create(self) -> None:
        """Makes the folders, and deletes what is in the way in ``build``.

        Raises:
            HomeError: a folder cannot be made or written, holds other things, has a path that
                SQLite or dbt reads as another one, or stands in the place of the published file.
        """
        self._refuse_misread_paths()
        self._refuse_other_things()
        for folder in (self.lake, self.build, self.dagster):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise home_error(folder, error) from error
            if not os.access(folder, os.W_OK):
                raise HomeError(f"{folder} cannot be written: {REMEDY}")
        if self.published_file.is_dir():
            raise HomeError(
                f"{self.published_file} is a folder, but the published file belongs there: delete "
                "it, and run again"
            )
        self._clear_build()

    def _clear_build(self) -> None:
        """Deletes files in the place of folders of the build, and a folder in that of its file."""
        try:
            for folder in (self.marts_lake, self.dbt_target, self.previews):
                if not folder.is_dir():
                    folder.unlink(missing_ok=True)
            if self.build_file.is_dir():
                shutil.rmtree(self.build_file)
        except OSError as error:
            raise HomeError(
                f"{error.filename} is in the way and cannot be deleted ({error.strerror}): delete "
                f"{self.build}, and run again"
            ) from error

    def _refuse_misread_paths(self) -> None:
        path = str(self.dagster / _LONGEST)
        if found := _MISREAD.search(path):
            problem = f"{found[0]!r} in it, which SQLite or dbt would read as something else"
        elif len(os.fsencode(path)) > _SQLITE_BYTES:
            problem = f"more than {_SQLITE_BYTES - len(_LONGEST) - 8} bytes, too long for SQLite"
        else:
            return
        raise HomeError(f"the path {str(self.root)!r} has {problem}: choose another with --home")

    def _refuse_other_things(self) -> None:
        if not self.root.is_dir() or self.lake.exists() or (self.root / ".lock").exists():
            return
        if found := sorted(path.name for path in self.root.iterdir()):
            raise HomeError(
                f"{self.root} holds things that are not a study's, such as {found[0]}: choose "
                "another folder with --home, or another name for the study"
            )

    def lock(
        self, *, blocking: bool = False, on_wait: Callable[[str], object] = print
    ) -> AbstractContextManager[None]:
        """Holds the study for one run, as ``StudyLock.hold``."""
        return self._lock.hold(blocking=blocking, on_wait=on_wait)

    def is_free(self) -> bool:
        """Whether no process works on this study."""
        return self._lock.is_free()

    def holder(self) -> str:
        """Process that holds the study, or held it last."""
        return self._lock.holder()

    @property
    def _lock(self) -> StudyLock:
        return StudyLock(self.root / ".lock")
