"""Ragged arrays: items of different lengths one after another, and where each begins.

What belongs here: their types and index arithmetic. What does not: what the items are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Ints", "Longs", "offsets_of", "ranges"]

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


def offsets_of(counts: Longs) -> Longs:
    """``[items + 1]`` offsets of ragged items with ``counts`` values each."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)])


def ranges(starts: Longs, counts: Longs) -> Longs:
    """Indices ``starts[i] … starts[i] + counts[i] - 1`` for all i, one after another."""
    total = int(counts.sum())
    shift = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    indices: Longs = np.arange(total, dtype=np.int64) + shift
    return indices
