"""Who does the work of a step on models and corpora: this process, or the workers of a Ray cluster.

What belongs here: how work is handed out, and what is wrong when it cannot be. What a piece of work
is belongs to the assets; queues, retries and the placing on machines are Ray's
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

__all__ = [
    "LostWorkerError",
    "ThisProcess",
    "Workers",
    "WorkersError",
    "code_version",
    "shares",
    "workers_at",
]

Task = TypeVar("Task")
Result = TypeVar("Result")
_PACKAGES = ("dagster_project", "ingestion", "models_gpu")


class WorkersError(RuntimeError):
    """The cluster cannot be used; the message says why and what to do."""


class LostWorkerError(RuntimeError):
    """A piece of work was given up because every process that tried it died."""


class Workers(Protocol):
    """Whoever does pieces of work that do not depend on each other."""

    def count(self, *, is_of_model: bool) -> int:
        """Pieces that are done at once: as many as there are GPUs, for work that takes one."""
        ...

    def put(self, value: Any) -> Any:
        """Something that many tasks need, to be given to ``each``: it goes to each machine once."""
        ...

    def each(
        self,
        function: Callable[[Any, Task], Result],
        tasks: Iterable[tuple[Any, Task]],
        *,
        is_of_model: bool,
    ) -> Iterator[tuple[Task, Result]]:
        """Do every task, and yield its result when it is done, in any order.

        Args:
            function: a function of a module, which may be called again for a task that was cut
                short.
            tasks: arguments of the calls: what ``put`` returned, and the task; taken as they are
                needed.
            is_of_model: whether a task wants a GPU of its own where there is one.

        Raises:
            Exception: what the function raised first; tasks that have begun are done before, and no
                others are begun.
            LostWorkerError: the processes that tried a task died.
            WorkersError: the cluster cannot be reached, or is not the one for this project.
        """
        ...

    def held(self) -> AbstractContextManager[None]:
        """Keep what is costly to start for several steps."""
        ...


class ThisProcess:
    """The process of the step itself: one piece after another."""

    def count(self, *, is_of_model: bool) -> int:  # noqa: ARG002
        """One."""
        return 1

    def put(self, value: Any) -> Any:
        """The value itself."""
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
        """Nothing is costly to start."""
        return contextlib.nullcontext()


def workers_at(address: str | None) -> Workers:
    """The workers of the Ray cluster at an address, or this process where there is none.

    Args:
        address: ``local`` or ``local:N`` starts a cluster of N workers on this machine for as long
            as it is needed; ``auto``, ``host:port`` and ``ray://host:port`` use one that runs.

    Raises:
        WorkersError: the extra is not installed, or the address is none.
    """
    if address is None:
        return ThisProcess()
    try:
        from dagster_project.runtime.ray_cluster import RayCluster
    except ImportError as error:
        raise WorkersError(
            f"--ray {address} needs Ray: pip install 'factroots[ray]' ({error})"
        ) from error
    return RayCluster.at(address)


def shares(weights: Mapping[Task, int], count: int) -> list[list[Task]]:
    """Tasks in so many shares of nearly equal weight, the heaviest tasks first; none is empty."""
    heap: list[tuple[int, int, list[Task]]] = [(0, place, []) for place in range(count)]
    for task in sorted(weights, key=lambda task: -weights[task]):
        weight, place, share = heapq.heappop(heap)
        share.append(task)
        # What weighs nothing takes a worker's time as well.
        heapq.heappush(heap, (weight + max(weights[task], 1), place, share))
    return [share for _, _, share in sorted(heap, key=lambda entry: entry[1]) if share]


@cache
def code_version() -> str:
    """Digest of the code that computes: workers with another would mix two versions' rows."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((PROJECT / package).rglob("*")):
            if path.suffix in (".py", ".yml", ".csv"):
                digest.update(f"{path.relative_to(PROJECT).as_posix()}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
