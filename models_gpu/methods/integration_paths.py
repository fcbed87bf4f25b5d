"""Integration paths: the points on them, and the weights of the points.

What belongs here: the settings of integrated gradients and the quadrature. What does not: running a
model. Definitions: docs/method.md#integrated-gradients.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from models_gpu.errors import ModelError
from models_gpu.settings import Mode, PathSettings, Quadrature

__all__ = ["Mode", "PathSettings", "Quadrature", "norm_points", "quadrature_nodes"]


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


def norm_points(
    nodes: torch.Tensor, mean_squares: torch.Tensor, epsilon: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Place points on the line from zero to neurons behind which a norm stands.

    A norm that divides x by √(mean square + ε) has an output that hardly changes from a small
    multiple of x on, and a gradient like 1 / √(t² m + ε) at t · x. Nodes that are even in t miss
    nearly all of the change. With t = √(ε/m) sinh(u A), A = arsinh √(m/ε), dt times this gradient
    is constant in u, so that few nodes that are even in u give the same integral.

    Args:
        nodes: ``[rows]`` nodes u in [0, 1].
        mean_squares: ``[rows]`` mean square m of the norm's clean input.
        epsilon: ε of the norm.

    Returns:
        t and dt/du, ``[rows]`` each, in the dtype of ``mean_squares``.
    """
    # Far below ε the norm is linear, and t is u.
    ratio = (mean_squares.double() / epsilon).clamp(min=1e-12).sqrt()
    length = torch.asinh(ratio)
    angle = nodes.double() * length
    point, slope = angle.sinh() / ratio, length * angle.cosh() / ratio
    return point.to(mean_squares.dtype), slope.to(mean_squares.dtype)
