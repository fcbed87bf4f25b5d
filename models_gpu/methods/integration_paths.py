"""Integration paths: their baselines, the points on them, and the weights of the points.

What belongs here: the settings of integrated gradients and the quadrature. What does not: running a
model. Definitions: docs/method.md#integrated-gradients.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models_gpu.errors import ModelError
from models_gpu.settings import Mode, PathSettings, Quadrature

__all__ = ["Mode", "PathSettings", "Quadrature", "quadrature_nodes"]


def quadrature_nodes(
    quadrature: Quadrature, steps: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Compute points in [0, 1] and their weights, which sum to 1; both ``[steps]``.

    Raises:
        ModelError: fewer than 1 step, or an unknown quadrature.
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
