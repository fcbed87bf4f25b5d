"""The device that these tests compare with the CPU."""

from __future__ import annotations

import os

import pytest
import torch


@pytest.fixture(scope="session")
def device() -> str:
    """The device that FACTROOTS_TEST_DEVICE names, cuda by default; without it, a skip.

    With ``cpu`` the tests prove themselves: both sides are then the same.
    """
    name = os.environ.get("FACTROOTS_TEST_DEVICE", "cuda")
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device (FACTROOTS_TEST_DEVICE=cpu tries the tests themselves)")
    return name
