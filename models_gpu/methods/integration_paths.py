"""Integration paths: their baselines, the points on them, and the weights of the points.

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
"""Baseline b of the straight line to the clean activations w̄.

- 'zero': b = 0 (Dai et al. 2022).
- 'amig': one line from each b^(i), the activations when token i of the query is replaced by the
  mask token (by the end-of-text token in a causal model). Attributions are summed over i (paper of
  Chen et al. 2024).
- 'amig_mean': one line from the mean of the b^(i).
- 'amig_code': the same line, but gradients are multiplied by w̄ instead of w̄ − b (published code of
  Chen et al.). These attributions do not add up to F(w̄) − F(b).
"""
Quadrature = Literal["left", "midpoint", "gauss"]
"""'left': left Riemann sum, as published; 'midpoint': midpoint rule; 'gauss': Gauss–Legendre."""


@dataclass(frozen=True)
class PathSettings:
    """Which integral is computed, and with how many points."""

    mode: Mode = "zero"
    """Baseline of the line."""
    steps: int = 10
    """Number of points on the line, at least 1."""
    quadrature: Quadrature = "gauss"
    """Rule that places and weights the points."""


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
