"""Reports: log lines about the part that is at work, with the time left for it and for all models.

What belongs here: when a line is written and what it says. What does not: counting work
(``models_gpu.progress``), what the other parts cost (``dagster_project.runtime.remaining``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from models_gpu.progress import Progress

__all__ = ["Reports", "duration"]

LOG = logging.getLogger("factroots")

EVERY_SECONDS = 5.0
"""Time between two lines."""
_TICK_SECONDS = 1.0


@dataclass
class _Work:
    """One part at work."""

    label: str
    """Step, model and language."""
    language: str
    """The language."""
    started: float
    """When it began."""
    reported: float
    """When it last said how far it is."""
    share: float = 0.0
    """How much of it is done."""


class Reports:
    """Writes lines about the work of a model, from a thread of its own while it is entered.

    So a line comes also while the device is busy with one long batch.
    """

    def __init__(
        self,
        others: Callable[[str, float], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describes the work.

        Args:
            others: (language at work, seconds that all of its part takes) → seconds of all other
                parts of models; None says nothing about them.
            clock: seconds that pass.
        """
        self._others, self._clock = others, clock
        self._work: _Work | None = None
        self._logged = clock()
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def __enter__(self) -> Reports:
        """Starts the thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stops the thread."""
        self._is_over.set()
        self._thread.join()

    def progress(self, label: str, language: str) -> Progress:
        """Makes the callback of a part that begins now, and replaces the part before it."""
        now = self._clock()
        work = _Work(f"{label}/{language}", language, now, now)
        self._work = work

        def report(done: float, total: float) -> None:
            with self._lock:
                self._work, work.reported = work, self._clock()
                if done <= 0 < total:
                    # What came before, such as tokenising, says nothing about the time left.
                    work.started = work.reported
                work.share = done / total if total else 1.0

        return report

    def tick(self) -> None:
        """Writes a line, if the last one is old enough."""
        with self._lock:
            now = self._clock()
            if self._work is None or now - self._logged < EVERY_SECONDS:
                return
            self._logged = now
            line = self._line(self._work, now)
        LOG.info("%s", line)

    def _line(self, work: _Work, now: float) -> str:
        if not work.share:
            return f"{work.label}: at work for {duration(now - work.started)}"
        whole = (work.reported - work.started) / work.share
        left = max(0.0, whole - (now - work.started))
        line = f"{work.label}: {work.share:.0%}, {duration(left)} left"
        if self._others is None:
            return line
        return f"{line}; all models: {duration(left + self._others(work.language, whole))}"

    def _run(self) -> None:
        while not self._is_over.wait(_TICK_SECONDS):
            self.tick()


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever is short."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
