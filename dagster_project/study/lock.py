"""The lock that lets one run at a time work on a study.

The operating system releases it when the process ends, however it ends. The file names the process
that holds it, for messages.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from ingestion.errors import FactrootsError

__all__ = ["REMEDY", "HomeError", "StudyLock", "home_error"]

REMEDY = "choose another folder with --home or change its permissions"
"""What to do about a home that cannot be written."""
_PROBE_SECONDS = 0.5
"""``is_free`` of another process takes the lock for an instant: that is no run."""
_HELD: set[Path] = set()
"""Lock files that this process holds."""


class HomeError(FactrootsError):
    """The home cannot be used; the message says why and what to do."""


def home_error(path: Path, error: OSError) -> HomeError:
    """The error about a file or folder of the home that cannot be made."""
    return HomeError(f"{path} cannot be made ({error.strerror}): {REMEDY}")


@dataclass(frozen=True)
class StudyLock:
    """The lock of one study."""

    path: Path
    """The lock file."""

    @contextlib.contextmanager
    def hold(
        self, *, blocking: bool = False, on_wait: Callable[[str], object] = print
    ) -> Iterator[None]:
        """Holds the study.

        Args:
            blocking: waits for another run to end. A process that already holds the study goes on
                at once.
            on_wait: called once with a message before waiting.

        Raises:
            HomeError: another run holds the study, or the file cannot be written.
        """
        if blocking and self.path in _HELD:
            yield
            return
        lock = FileLock(self.path)
        try:
            lock.acquire(timeout=0 if blocking else _PROBE_SECONDS)
        except Timeout:
            if not blocking:
                raise HomeError(
                    f"another run of this study is at work in {self.path.parent} (process "
                    f"{self.holder()}): wait for it, or stop it and run again; what it finished "
                    "is kept"
                ) from None
            on_wait(f"waiting for process {self.holder()}, which is at work on this study")
            lock.acquire()
        except OSError as error:
            raise home_error(self.path, error) from error
        try:
            self.path.write_text(str(os.getpid()), encoding="utf-8")
            _HELD.add(self.path)
            yield
        finally:
            _HELD.discard(self.path)
            lock.release()

    def is_free(self) -> bool:
        """Whether no process works on the study.

        Raises:
            HomeError: the file cannot be written.
        """
        try:
            with FileLock(self.path, timeout=0):
                return True
        except Timeout:
            return False
        except OSError as error:
            raise home_error(self.path, error) from error

    def holder(self) -> str:
        """Process that holds the study, or held it last."""
        try:
            return self.path.read_text(encoding="utf-8").strip() or "unknown"
        except OSError:
            return "unknown"
