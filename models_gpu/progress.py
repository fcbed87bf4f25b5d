"""Progress: how many items are done, reported when the device has done them.

What belongs here: counting and reporting. What does not: the items, and how reports are shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["Progress", "ProgressReporter"]

Progress = Callable[[int, int], None]

"""Called with items done and items in all, from any thread."""


class ProgressReporter:
    """Counts items that were sent to a device, and reports them once the device has done them.

    CUDA kernels run asynchronously: a call returns when the work is queued. So each report on CUDA
    waits for an event behind the work, two reports later, which does not let the queue run empty.
    """

    def __init__(
        self, device: torch.device, progress: Progress | None, total: int, done: int = 0
    ) -> None:
        self._progress, self._total, self._done = progress, total, done
        self._is_cuda = device.type == "cuda"
        self._lock = Lock()
        self._pending: deque[tuple[torch.cuda.Event, int]] = deque()

    def advance(self, count: int) -> None:
        """Count items that were sent to the device."""
        with self._lock:
            self._done += count
            if self._progress is None:
                return
            if not self._is_cuda:
                self._progress(self._done, self._total)
                return
        import torch

        event_class: Any = torch.cuda.Event
        event = event_class()
        event.record()
        self._pending.append((event, self._done))
        if len(self._pending) > 2:
            event, done = self._pending.popleft()
            event.synchronize()
            self._progress(done, self._total)

    def finish(self) -> None:
        """Report that all items are done."""
        if self._progress is not None and (self._is_cuda or self._total == 0):
            self._progress(self._total, self._total)
