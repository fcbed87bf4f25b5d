"""Ragged arrays: items of different lengths in one flat array, and offsets that separate them.

What belongs here: their types and index arithmetic. What does not: the meaning of the items.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Ints", "Longs", "offsets_of", "ranges"]

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


def offsets_of(counts: Longs) -> Longs:
    """Compute ``[items + 1]`` offsets of ragged items with ``counts`` values each."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)])


def ranges(starts: Longs, counts: Longs) -> Longs:
    """Concatenate the index ranges ``starts[i] … starts[i] + counts[i] - 1`` for all i."""
    total = int(counts.sum())
    shift = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    indices: Longs = np.arange(total, dtype=np.int64) + shift
    return indices
