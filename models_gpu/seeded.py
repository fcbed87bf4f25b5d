"""Random choices seeded by names, so that they do not depend on the order of the choices.

What belongs here: random numbers from names. What does not: what is chosen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

__all__ = ["generator", "shuffled"]


def generator(*names: object) -> np.random.Generator:
    """Create a random generator seeded by the names, equal on every machine."""
    digest = hashlib.sha256("\x1f".join(map(str, names)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def shuffled(ids: Iterable[str], *names: object) -> list[str]:
    """Shuffle ids with the names as seed; a subset of the ids keeps its relative order."""
    prefix = "\x1f".join(map(str, names)) + "\x1f"
    return sorted(ids, key=lambda own: hashlib.sha256((prefix + own).encode()).digest())
