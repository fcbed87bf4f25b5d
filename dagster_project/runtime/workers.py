"""Workers: the interface to whatever computes tasks, and the simplest case, this process.

Here belong how tasks are handed out and what can go wrong. What a task computes belongs in
``dagster_project.runtime.compute``; queues, retries and placement belong to Ray
(``dagster_project.runtime.ray_cluster``).
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Protocol, TypeVar

from dagster_project.paths import PROJECT
from ingestion.errors import FactrootsError

__all__ = [
    "LostWorkerError",
    "ThisProcess",
    "Workers",
    "WorkersError",
    "code_fingerprint",
    "shares",
]

Task = TypeVar("Task")
Result = TypeVar("Result")
_PACKAGES = ("dagster_project", "ingestion", "models_gpu")


class WorkersError(FactrootsError):
    """The cluster cannot be used; the message says why and what to do."""


class LostWorkerError(FactrootsError):
    """A task was given up because every process that tried it died."""


class Workers(Protocol):
    """Computes tasks that do not depend on each other."""

    def count(self, *, is_of_model: bool) -> int:
        """Number of tasks computed at once; for tasks of models, the number of GPUs if any."""
        ...

    def put(self, value: Any) -> Any:
        """Prepares a value that many tasks share, so that each machine gets it once."""
        ...

    def each(
        self,
        function: Callable[[Any, Task], Result],
        tasks: Iterable[tuple[Any, Task]],
        *,
        is_of_model: bool,
    ) -> Iterator[tuple[Task, Result]]:
        """Computes every task and yields its result when it is done, in any order.

        Args:
            function: a module-level function; called again for a task that was interrupted.
            tasks: what ``put`` returned, and the task; consumed as they are needed.
            is_of_model: whether a task gets a GPU of its own if there is one.

        Raises:
            Exception: what the function raised first. Running tasks are finished before; no new
                ones are started.
            LostWorkerError: the processes that tried a task died.
            WorkersError: the cluster cannot be reached, or has another version of this project.
        """
        ...

    def held(self) -> AbstractContextManager[None]:
        """Keeps the workers running over several steps."""
        ...


class ThisProcess:
    """The process of the step itself: computes one task after another."""

    def count(self, *, is_of_model: bool) -> int:  # noqa: ARG002
        """Always 1."""
        return 1

    def put(self, value: Any) -> Any:
        """Returns the value itself."""
        return value

    def each(
        self,
        function: Callable[[Any, Task], Result],
        tasks: Iterable[tuple[Any, Task]],
        *,
        is_of_model: bool,  # noqa: ARG002
    ) -> Iterator[tuple[Task, Result]]:
        """As ``Workers.each``, in the order of the tasks."""
        for shared, task in tasks:
            yield task, function(shared, task)

    def held(self) -> AbstractContextManager[None]:
        """Does nothing."""
        return contextlib.nullcontext()


def shares(weights: Mapping[Task, int], count: int) -> list[list[Task]]:
    """Splits tasks into at most ``count`` shares of nearly equal weight; none is empty."""
    heap: list[tuple[int, int, list[Task]]] = [(0, place, []) for place in range(count)]
    for task in sorted(weights, key=lambda task: -weights[task]):
        weight, place, share = heapq.heappop(heap)
        share.append(task)
        # A task without weight takes some time as well.
        heapq.heappush(heap, (weight + max(weights[task], 1), place, share))
    return [share for _, _, share in sorted(heap, key=lambda entry: entry[1]) if share]


@cache
def code_fingerprint() -> str:
    """Fingerprint of the code, to refuse workers with another version."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((PROJECT / package).rglob("*")):
            if path.suffix in (".py", ".yml", ".csv"):
                digest.update(f"{path.relative_to(PROJECT).as_posix()}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
