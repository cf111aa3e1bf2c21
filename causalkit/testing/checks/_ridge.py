"""How much of a number vectors tell."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["explained"]


def explained(x: Any, y: Any, x_new: Any, y_new: Any) -> float:
    """Share of the variance of `y_new` that a ridge explains, its penalty chosen by leave-one-out."""
    mean, scale = x.mean(0), max(float(x.std()), 1e-12)
    x, x_new, centre = (x - mean) / scale, (x_new - mean) / scale, y.mean()
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    uy = u.T @ (y - centre)
    best = (np.inf, np.zeros(x.shape[1]))
    for penalty in 10.0 ** np.arange(-2, 5):
        shrunk = s**2 / (s**2 + penalty)
        left = (y - centre) - u @ (shrunk * uy)
        error = float(((left / (1 - (u**2 @ shrunk) - 1 / len(y))) ** 2).mean())
        best = min(best, (error, vt.T @ (s / (s**2 + penalty) * uy)), key=lambda pair: pair[0])
    return float(1 - ((y_new - centre - x_new @ best[1]) ** 2).mean() / ((y_new - centre) ** 2).mean())
