"""Batches cover every query once, stay within their budget, and are halved when they do not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models_gpu.engine.batching import is_out_of_memory, plan_batches, run_with_oom_retry
from models_gpu.errors import ModelError

LENGTHS = np.sort(np.random.default_rng(5).integers(3, 60, 500))[::-1].astype(np.int64)


@pytest.mark.parametrize("budget", [1, 64, 1000, 10**6])
@pytest.mark.parametrize("padding_share", [0.0, 0.1, 1.0])
def test_every_query_is_in_one_batch_within_budget_and_padding(
    budget: int, padding_share: float
) -> None:
    batches = list(plan_batches(LENGTHS, budget, padding_share))
    assert [i for start, stop in batches for i in range(start, stop)] == list(range(500))
    for start, stop in batches:
        padded = LENGTHS[start] * (stop - start)
        assert stop - start == 1 or padded <= budget
        assert 1 - LENGTHS[start:stop].sum() / padded <= padding_share + 1e-9


@pytest.mark.parametrize("padding_share", [0.0, 0.1])
def test_a_batch_is_as_large_as_allowed(padding_share: float) -> None:
    for start, stop in plan_batches(LENGTHS, 1000, padding_share):
        if stop < len(LENGTHS):
            padded = LENGTHS[start] * (stop + 1 - start)
            wasted = 1 - LENGTHS[start : stop + 1].sum() / padded
            assert padded > 1000 or wasted > padding_share


def test_no_queries_make_no_batches() -> None:
    assert list(plan_batches(np.empty(0, dtype=np.int64), 100, 0.0)) == []


def test_halving_runs_everything_once_in_order_and_learns_the_size() -> None:
    done: list[int] = []
    failures: list[int] = []
    released: list[bool] = []

    def run(start: int, stop: int) -> None:
        if stop - start > 5:
            failures.append(stop - start)
            raise torch.OutOfMemoryError("CUDA out of memory")
        done.extend(range(start, stop))

    ones = np.ones(120, dtype=np.int64)
    run_with_oom_retry(
        [(0, 40), (40, 80), (80, 120)], ones, run, lambda: released.append(True), "item"
    )
    assert done == list(range(120))
    assert failures == [40, 20, 10]
    assert len(released) == 3


def test_a_single_item_that_does_not_fit_is_never_skipped() -> None:
    def run(start: int, stop: int) -> None:
        if start <= 2 < stop:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(ModelError, match="no memory for a single item"):
        run_with_oom_retry([(0, 4)], np.ones(4, dtype=np.int64), run, lambda: None, "item")


@pytest.mark.parametrize(
    "message",
    [
        "MPS backend out of memory (MPS allocated: 18.13 GB)",
        "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory",
        "DefaultCPUAllocator: not enough memory: you tried to allocate 12 bytes.",
    ],
)
def test_out_of_memory_is_known_on_every_device(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))
    assert not is_out_of_memory(RuntimeError("expected scalar type Float but found Half"))
