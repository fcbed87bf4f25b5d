"""Batching: which queries go through the model together, and what happens when memory runs out.

What belongs here: planning batches over lengths, halving, spreading batches over cores. What does
not: tensors of a model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models_gpu.errors import ModelError

if TYPE_CHECKING:
    import torch

__all__ = ["core_pool", "is_out_of_memory", "plan_batches", "run_with_oom_retry"]

_ALLOCATOR_COMPLAINTS = ("out of memory", "can't allocate memory", "not enough memory")


def plan_batches(
    lengths: npt.NDArray[np.int64], token_budget: int, padding_share: float
) -> Iterator[tuple[int, int]]:
    """Cut queries that are sorted by length, longest first, into batches.

    A batch never holds more than ``token_budget`` tokens, padding included, save that a single
    query is always a batch; and at most ``padding_share`` of its tokens are padding.

    Args:
        lengths: ``[queries]`` tokens per query, descending.
        token_budget: most tokens in one batch.
        padding_share: 0 puts only queries of one length together, so that nothing is padded.

    Yields:
        ``(start, stop)`` of each batch, in order, without gaps.
    """
    total = np.concatenate([[0], np.cumsum(lengths)])
    start, count = 0, len(lengths)
    while start < count:
        longest = int(lengths[start])
        most = min(count, start + max(1, token_budget // longest))
        # Padding only grows along a batch, so its last admissible end is found by bisection.
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
    """Threads for batches that run side by side on a CPU; None for accelerators.

    Each thread runs torch's kernels on one core, and there are as many threads as torch may use
    cores. So no core waits for another at the end of every kernel, and what a batch computes does
    not depend on the number of cores.
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
        # Threads started from now on take the last number that was set anywhere.
        torch.set_num_threads(cores)


def run_with_oom_retry(
    batches: Iterable[tuple[int, int]],
    lengths: npt.NDArray[np.int64],
    run: Callable[[int, int], None],
    release: Callable[[], None],
    what: str,
    pool: Executor | None = None,
) -> None:
    """Run every batch; one that does not fit is halved, never skipped.

    Without a pool batches run in order, and after a failure later ones are cut to half the size
    that failed, so that each of them does not have to fail first. With a pool they run side by
    side and are halved one by one.

    Args:
        batches: ``(start, stop)`` pairs.
        lengths: ``[items]`` size of each item, descending; a batch's size is its longest times its
            count.
        run: does one batch; when it raises an out-of-memory error it has left nothing behind, and
            is called again on the halves.
        release: gives cached device memory back before the halves are tried.
        what: what one item is, for the error.
        pool: from ``core_pool``; ``run`` and ``release`` are then called in its threads.

    Raises:
        ModelError: a single item does not fit.
    """
    if pool is not None:
        # Drawing the results raises what a thread raised, and drops what has not begun.
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
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            # Outside the handler: the error's traceback would keep the failed batch's tensors.
            release()
            if stop - start == 1:
                raise ModelError(
                    f"the device has no memory for a single {what}: {reason}. Free memory on it, "
                    "use a smaller dtype, or run on another device."
                )
            most = longest * ((stop - start) // 2)
            todo.appendleft((start, stop))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a torch error means that memory ran out, on any device."""
    import torch

    message = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(
        complaint in message for complaint in _ALLOCATOR_COMPLAINTS
    )
