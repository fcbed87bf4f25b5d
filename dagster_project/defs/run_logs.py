"""What a run prints, kept in files that Dagster's pages show.

Dagster's own keeper of these files starts four processes per step that copy the output. This one
sends the output into the files and needs none, so that also the last words of a crash inside torch
or DuckDB are there. Dagster has no public setting for this, so this module subclasses its class. A
run of the command line prints to its terminal.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

__all__ = ["RunLogs", "prints_to_terminal"]

_TERMINAL = {"is_used": False}


def prints_to_terminal() -> None:
    """Leaves the output of this process where it is: runs in it are the command line's."""
    _TERMINAL["is_used"] = True


class RunLogs(LocalComputeLogManager):
    """Dagster's files of what each step prints; ``dagster.yaml`` names it."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> RunLogs:
        """As Dagster's class, which would make one of itself."""
        return cls(inst_data=inst_data, **config_value)

    @contextlib.contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Sends standard output and standard error of this process into two files."""
        if _TERMINAL["is_used"]:
            yield CapturedLogContext(log_key)
            return
        out, error = (Path(self.get_captured_local_path(log_key, end)) for end in ("out", "err"))
        out.parent.mkdir(parents=True, exist_ok=True)
        with _sent_to(1, out), _sent_to(2, error):
            # Prints Python's stack where the process dies of a signal.
            faulthandler.enable()
            yield CapturedLogContext(log_key)
        Path(self.complete_artifact_path(log_key)).touch()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _sent_to(descriptor: int, path: Path) -> Iterator[None]:
    stream = sys.stdout if descriptor == 1 else sys.stderr
    before = os.dup(descriptor)
    try:
        with path.open("ab") as file:
            stream.flush()
            os.dup2(file.fileno(), descriptor)
        yield
    finally:
        stream.flush()
        os.dup2(before, descriptor)
        os.close(before)
