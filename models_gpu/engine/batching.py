"""Batching: which queries share a forward pass, and how a batch that does not fit is retried.

What belongs here: cutting queries into batches, halving a batch after an out-of-memory error,
running batches on several cores. What does not: tensors of a model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ingestion.errors import first_line
from models_gpu.errors import ModelError

if TYPE_CHECKING:
    import torch

__all__ = ["core_pool", "is_out_of_memory", "plan_batches", "run_with_oom_retry"]

_ALLOCATOR_COMPLAINTS = ("out of memory", "can't allocate memory", "not enough memory")


def plan_batches(
    lengths: npt.NDArray[np.int64], token_budget: int, padding_share: float
) -> Iterator[tuple[int, int]]:
    """Cut queries that are sorted by length, longest first, into batches.

    A batch has at most ``token_budget`` tokens, padding included, and at most ``padding_share`` of
    them are padding. A single query is always a batch, however long it is.

    Args:
        lengths: ``[queries]`` tokens per query, descending.
        token_budget: most tokens in one batch.
        padding_share: between 0 and 1; with 0 only queries of one length share a batch.

    Yields:
        ``(start, stop)`` of each batch, in order, without gaps.
    """
    total = np.concatenate([[0], np.cumsum(lengths)])
    start, count = 0, len(lengths)
    while start < count:
        longest = int(lengths[start])
        most = min(count, start + max(1, token_budget // longest))
        # The share of padding grows with the batch, so its last allowed end is found by bisection.
        ends = np.arange(start + 1, most + 1)
        padded = longest * (ends - start)
        real = total[ends] - total[start]
        stop = start + max(
            1, int(np.searchsorted((padded - real) / padded, padding_share, "right"))
        )
        yield start, stop
        start = stop


@contextmanager
def core_pool(device: torch.device) -> Iterator[Executor | None]:
    """Open a thread pool for batches that run in parallel on a CPU; None for accelerators.

    There are as many threads as torch may use cores, and each thread runs torch's kernels on one
    core. So no core waits for another at the end of a kernel, and the result of a batch does not
    depend on the number of cores.
    """
    if device.type != "cpu":
        yield None
        return
    import torch

    cores = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        # torch gives new threads the number that was set last, in any thread.
        torch.set_num_threads(cores)


def run_with_oom_retry(
    batches: Iterable[tuple[int, int]],
    lengths: npt.NDArray[np.int64],
    run: Callable[[int, int], None],
    release: Callable[[], None],
    what: str,
    pool: Executor | None = None,
) -> None:
    """Run every batch; halve a batch that runs out of memory, and run its halves.

    Without a pool batches run in order. After a failure later batches are cut to half the size that
    failed, so that they do not fail first. With a pool batches run in parallel, and each one that
    fails is halved on its own.

    Args:
        batches: ``(start, stop)`` pairs.
        lengths: ``[items]`` size of each item, descending. The size of a batch is its longest item
            times its count.
        run: runs one batch. After an out-of-memory error it is called again on the halves, so it
            must not depend on what it did before.
        release: frees cached device memory before the halves are run.
        what: name of one item, for the error.
        pool: from ``core_pool``; ``run`` and ``release`` are then called in its threads.

    Raises:
        ModelError: a single item does not fit on the device.
    """
    if pool is not None:
        # Iterating raises a thread's exception here, and cancels batches that have not started.
        for _ in pool.map(
            lambda batch: run_with_oom_retry([batch], lengths, run, release, what), batches
        ):
            pass
        return
    most: int | None = None
    for batch in batches:
        todo = deque([batch])
        while todo:
            start, stop = todo.popleft()
            longest = int(lengths[start])
            if most is not None and stop - start > max(1, most // longest):
                cut = start + max(1, most // longest)
                todo.extendleft([(cut, stop), (start, cut)])
                continue
            try:
                run(start, stop)
                continue
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                reason = first_line(error)
            # Not inside the handler: there the error's traceback keeps the batch's tensors alive.
            release()
            if stop - start == 1:
                raise ModelError(
                    f"the device has no memory for a single {what}: {reason}. Free memory on it, "
                    "use a smaller dtype, or run on another device."
                )
            most = longest * ((stop - start) // 2)
            todo.appendleft((start, stop))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Check whether a torch error means out of memory, on any device."""
    import torch

    message = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(
        complaint in message for complaint in _ALLOCATOR_COMPLAINTS
    )
