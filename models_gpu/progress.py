"""Progress: how much of the work is done, reported when the device has done it.

What belongs here: counting, reporting, and what a forward pass costs. What does not: the items, and
how reports are shown (``dagster_project.runtime.reports``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

    from models_gpu.loading.load import LoadedModel
    from models_gpu.ragged import Longs

__all__ = ["Progress", "ProgressReporter", "forward_work", "one_part"]

Progress = Callable[[float, float], None]
"""Called with the work done and the work in all, from any thread; equal work takes equal time."""

Number = TypeVar("Number", int, "Longs")


class ProgressReporter:
    """Counts work that was sent to a device, and reports it once the device has done it.

    CUDA kernels run asynchronously: a call returns when the work is queued. So each report on CUDA
    waits for an event behind the work, two reports later, which does not let the queue run empty.
    """

    def __init__(
        self, device: torch.device, progress: Progress | None, total: float, done: float = 0
    ) -> None:
        self._progress, self._total, self._done = progress, total, done
        self._is_cuda = device.type == "cuda"
        self._lock = Lock()
        self._pending: deque[tuple[torch.cuda.Event, float]] = deque()
        if progress is not None:
            progress(done, total)

    def advance(self, work: float) -> None:
        """Count work that was sent to the device."""
        with self._lock:
            self._done += work
            if self._progress is None:
                return
            if not self._is_cuda:
                # Sums of fractions can miss the total by rounding; ``finish`` reports it.
                self._progress(min(self._done, self._total), self._total)
                return
        import torch

        event_class: Any = torch.cuda.Event
        event = event_class()
        event.record()
        self._pending.append((event, self._done))
        if len(self._pending) > 2:
            event, done = self._pending.popleft()
            event.synchronize()
            self._progress(min(done, self._total), self._total)

    def finish(self) -> None:
        """Report that all is done."""
        if self._progress is not None:
            self._progress(self._total, self._total)


def one_part(progress: Progress | None, before: float, work: float, total: float) -> Progress:
    """Make the progress of one part of some work.

    Args:
        progress: that of the whole.
        before: work done before this part.
        work: work of this part; its own reports count in a unit of their own.
        total: work in all.
    """

    def report(done: float, own_total: float) -> None:
        if progress is not None:
            share = done / own_total if own_total else 1.0
            progress(before + work * share, total)

    return report


def forward_work(
    model: LoadedModel, tokens: Number, rows: Number, layers_run: float | Any = 1.0
) -> Any:
    """Count the multiplications of a forward pass, without attention between tokens.

    Args:
        model: from ``models_gpu.loading.load``.
        tokens: tokens that pass through the layers; a number or an array.
        rows: hidden states that pass through the head, of the same shape.
        layers_run: share of the layers that is run.
    """
    view = model.view
    head = view.hidden_size * view.vocabulary_size
    return tokens * float(view.layer_parameter_count) * layers_run + rows * float(head)
