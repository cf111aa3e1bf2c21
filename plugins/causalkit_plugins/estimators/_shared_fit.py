"""Random-effects shrinkage of raw effects towards what groups and vectors of items tell.

    y = mean + Σ_k s_k F_k b_k + s_0 u + noise,   b, u ~ N(0, I),   noise ~ N(0, diag v)

for n items with raw values y and variances v; F_k are blocks of features. A block of one-hot columns
is a random intercept per group, a block of vectors a ridge on them (a linear kernel).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_LOWEST = 6.0
"""How far below its start a log standard deviation is looked for."""


@dataclass(frozen=True)
class Solved:
    """Everything that follows from standard deviations `s` (item, then each block), n items, q features.

    `p_y` is P y and `p_diagonal` the diagonal of P = K⁻¹ - K⁻¹1 (1'K⁻¹1)⁻¹ 1'K⁻¹, K being the variance of y.
    """

    s: Floats
    mean: float
    likelihood: float
    p_y: Floats
    p_diagonal: Floats
    features: Floats
    spread: Floats
    inner: Floats
    one: Floats

    @property
    def precision(self) -> float:
        """1'K⁻¹1, the mean's precision."""
        return float(self.one.sum())


def solve(y: Floats, v: Floats, blocks: Sequence[Floats], s: Floats) -> Solved:
    """The restricted likelihood (Patterson & Thompson 1971, Biometrika 58) and what it was made of.

    Costs n q² for q features in all blocks: K is diagonal plus low rank (Woodbury).
    """
    diagonal = 1 / (s[0] ** 2 + v)
    features = np.concatenate([*blocks, np.zeros((len(y), 0))], 1)
    spread = np.concatenate([np.full(b.shape[1], si) for b, si in zip(blocks, s[1:], strict=True)] + [np.zeros(0)])
    scaled = features * spread
    inner = np.eye(scaled.shape[1]) + scaled.T @ (scaled * diagonal[:, None])
    lower = np.linalg.cholesky(inner)
    half = np.linalg.solve(lower, (scaled * diagonal[:, None]).T)
    one = diagonal - half.T @ (half @ np.ones(len(y)))
    mean = float(one @ y / one.sum())
    left = diagonal * (y - mean) - half.T @ (half @ (y - mean))
    log_det = -np.log(diagonal).sum() + 2 * np.log(np.diag(lower)).sum()
    likelihood = -0.5 * (float((y - mean) @ left) + log_det + np.log(one.sum()))
    p_diagonal = diagonal - (half**2).sum(0) - one**2 / one.sum()
    return Solved(s, mean, likelihood, left, p_diagonal, features, spread, inner, one)


def fit(y: Floats, v: Floats, blocks: Sequence[Floats]) -> Solved:
    """Standard deviations by restricted likelihood, the item's kept off zero.

    A boundary-avoiding prior (Gamma with shape 2, Chung et al. 2013, Psychometrika 78) on the item's
    keeps few items from being claimed to be all alike.
    """
    from scipy.optimize import minimize

    size = max(float(np.sqrt(max(np.var(y) - np.mean(v), 0.05 * np.var(y)))), 1e-12)
    start = np.log(np.full(1 + len(blocks), size / np.sqrt(1 + len(blocks))))

    def loss(log_s: Floats) -> tuple[float, Floats]:
        solved = solve(y, v, blocks, np.exp(log_s))
        slope = gradient(solved, [b.shape[1] for b in blocks])
        slope[0] += 1.0
        return -solved.likelihood - float(log_s[0]), -slope

    bounds = [(low - _LOWEST, low + _LOWEST) for low in start]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 100})
    return solve(y, v, blocks, np.exp(found.x))


def gradient(solved: Solved, widths: Sequence[int]) -> Floats:
    """Slope of the restricted likelihood in the log standard deviations: ½ (y'P K̇ P y - tr P K̇)."""
    slope = [solved.s[0] ** 2 * float(solved.p_y @ solved.p_y - solved.p_diagonal.sum())]
    scaled = solved.features * solved.spread
    trace = 1 - np.diag(np.linalg.inv(solved.inner)) - (scaled.T @ solved.one) ** 2 / solved.precision
    each = (scaled.T @ solved.p_y) ** 2 - trace
    ends = np.cumsum(widths, dtype=int)
    return np.array(slope + [float(part.sum()) for part in np.split(each, ends[:-1])][: len(widths)])


def held_out(solved: Solved) -> Floats:
    """Log density of each y given all others, `[n]`: leave-one-out in closed form, the mean refitted.

    y_i - (P y)_i / P_ii with variance 1 / P_ii (Rasmussen & Williams 2006, eqs 5.10-5.12).
    """
    p = np.maximum(solved.p_diagonal, 1e-300)
    return np.asarray(0.5 * (np.log(p) - np.log(2 * np.pi) - solved.p_y**2 / p))


def held_share(solved: Solved) -> float:
    """Share of y within the 95 % interval that all others predict for it, its own noise included."""
    p = np.maximum(solved.p_diagonal, 1e-300)
    return float((np.abs(solved.p_y) < 1.959964 * np.sqrt(p)).mean())


def shrunk(y: Floats, v: Floats, solved: Solved) -> tuple[Floats, Floats]:
    """Posterior mean and variance of each item's effect, the mean's uncertainty included."""
    return y - v * solved.p_y, np.maximum(v - v**2 * solved.p_diagonal, 0.0)


def predicted(features: Floats, solved: Solved) -> tuple[Floats, Floats]:
    """Mean and variance of the effects of items without a raw one, from features `[m, q]`."""
    scaled = features * solved.spread
    slope = solved.spread * (solved.features.T @ solved.p_y)
    lean = solved.spread * (solved.features.T @ solved.one)
    mean = solved.mean + scaled @ slope
    inverse = np.linalg.inv(solved.inner)
    own = np.einsum("mq,qr,mr->m", scaled, inverse, scaled)
    return mean, solved.s[0] ** 2 + own + (1 - scaled @ lean) ** 2 / solved.precision


def text_block(vectors: Floats, known: npt.NDArray[np.bool_], seen: npt.NDArray[np.bool_], most: int) -> Floats:
    """Principal components `[items, ≤ most]` of centred unit vectors, mean square length 1; zeros if unknown.

    Centre, directions and length are those of the items `seen` in the log, so that they, and what is told
    of an item, do not depend on which others stand in the items table.
    """
    basis = known & seen if (known & seen).any() else known
    unit = np.where(known[:, None], vectors, 0.0)
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    unit = np.where(known[:, None], unit - unit[basis].mean(0), 0.0)
    square = unit[basis].T @ unit[basis]
    with one_thread():
        values, directions = np.linalg.eigh(square)
    best = np.argsort(values)[::-1][:most]
    kept = best[values[best] > 1e-9 * max(values[best[0]], 1e-300)]
    part = unit @ directions[:, kept]
    size = np.sqrt((part[basis] ** 2).sum(1).mean()) if basis.any() else 0.0
    return part / size if size > 0 else part[:, :0]


def group_block(codes: npt.NDArray[np.int64]) -> Floats:
    """One-hot columns of codes `[items]`, -1 being no group."""
    return (codes[:, None] == np.arange(codes.max(initial=-1) + 1)[None, :]).astype(float)


def one_thread() -> AbstractContextManager[Any]:
    """Small factorisations: waking BLAS threads for each costs more than they save, much more on a busy machine."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it

    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limits
