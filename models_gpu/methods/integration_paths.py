"""Paths of integration: where they begin, which points on them are looked at, and their weights.

What belongs here: the settings of integrated gradients and the quadrature. What does not: running a
model. Definitions: docs/method.md#integrated-gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from models_gpu.errors import ModelError

__all__ = ["Mode", "PathSettings", "Quadrature", "quadrature_nodes"]

Mode = Literal["zero", "amig", "amig_mean", "amig_code"]
"""Where the line to the clean neurons begins. 'zero': at 0 (Dai et al. 2022). 'amig': one line from
every b^(i), the neurons when token i of the query is replaced by the mask token (by the end-of-text
token in a causal model), attributions summed over i (Chen et al. 2024, the paper). 'amig_mean': one
line from the mean of the b^(i). 'amig_code': the same line, but each gradient times w̄ in place of
w̄ − b, as the published code of Chen et al. has it: these do not add up to F(w̄) − F(b)."""
Quadrature = Literal["left", "midpoint", "gauss"]
"""'left': left Riemann sum (the published one); 'midpoint'; 'gauss': Gauss–Legendre."""


@dataclass(frozen=True)
class PathSettings:
    """Which integral is taken, and how finely."""

    mode: Mode = "zero"
    """Where the line begins."""
    steps: int = 10
    """Points on the line."""
    quadrature: Quadrature = "gauss"
    """Where the points lie and what they weigh."""


def quadrature_nodes(
    quadrature: Quadrature, steps: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Points in [0, 1] and their weights, which sum to 1; both ``[steps]``.

    Raises:
        ModelError: no steps, an unknown quadrature.
    """
    if steps < 1:
        raise ModelError(f"steps is {steps}; an integral needs at least 1")
    if quadrature == "gauss":
        points, weights = np.polynomial.legendre.leggauss(steps)
        return (points + 1) / 2, weights / 2
    shifts = {"left": 0.0, "midpoint": 0.5}
    if quadrature not in shifts:
        raise ModelError(f"quadrature is '{quadrature}'; it can be 'left', 'midpoint' or 'gauss'")
    return (np.arange(steps) + shifts[quadrature]) / steps, np.full(steps, 1 / steps)
