"""Seeded choices that depend on what they are for, never on the order in which they are made.

What belongs here: random numbers from names. What does not: what is chosen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

__all__ = ["generator", "shuffled"]


def generator(*names: object) -> np.random.Generator:
    """Random numbers that follow from the names alone, on every machine."""
    digest = hashlib.sha256("\x1f".join(map(str, names)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def shuffled(ids: Iterable[str], *names: object) -> list[str]:
    """The ids in an order that follows from the names alone: of fewer ids, the same order."""
    prefix = "\x1f".join(map(str, names)) + "\x1f"
    return sorted(ids, key=lambda own: hashlib.sha256((prefix + own).encode()).digest())
