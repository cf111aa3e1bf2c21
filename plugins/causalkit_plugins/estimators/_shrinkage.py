"""Closed-form empirical Bayes: two arms of a cell, and a list of effects with errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STRENGTHS = np.geomspace(0.5, 1e5, 25)
"""Prior strengths tried, in rows."""


@dataclass(frozen=True)
class ArmSums:
    """Per cell `[cells]`: rows and the sum of residuals over the noise's standard deviation, by arm."""

    n1: Floats
    r1: Floats
    n0: Floats
    r0: Floats


@dataclass(frozen=True)
class ArmPrior:
    """How a cell's two arms deviate beforehand; variances are 1/strength, in units of a row's noise.

    Joint arms: the unexposed arm deviates by a base (strength `base`), the exposed one by that base
    plus an effect (strength `k`). Independent arms (`base` None): each by itself, with strength `k`.
    """

    k: float
    base: float | None = None

    @property
    def _precision(self) -> tuple[float, float, float]:
        return (self.k, self.k, 0.0) if self.base is None else (self.k, self.k + self.base, -self.k)

    def posterior(self, cells: ArmSums) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Means of the exposed and unexposed deviation, their variances and covariance, `[cells]`.

        With independent arms each mean is `n ȳ / (n + k)`.
        """
        var1, var0, cov = self._variances(cells.n1, cells.n0)
        return var1 * cells.r1 + cov * cells.r0, var0 * cells.r0 + cov * cells.r1, var1, var0, cov

    def _variances(self, n1: Floats, n0: Floats) -> tuple[Floats, Floats, Floats]:
        one, zero, off = self._precision
        det = (n1 + one) * (n0 + zero) - off * off
        return (n0 + zero) / det, (n1 + one) / det, -off / det


@dataclass(frozen=True)
class _Moments:
    """What the likelihood needs of the cells: counts and squares by distinct (n1, n0)."""

    n1: Floats
    n0: Floats
    cells: Floats
    squares: Floats

    @classmethod
    def of(cls, cells: ArmSums) -> _Moments:
        kinds, place = np.unique(np.stack([cells.n1, cells.n0], 1), axis=0, return_inverse=True)
        place = place.reshape(-1)
        squares = [cells.r1**2, cells.r0**2, cells.r1 * cells.r0]
        sums = np.stack([np.bincount(place, s, len(kinds)) for s in squares], 1)
        return cls(kinds[:, 0], kinds[:, 1], np.bincount(place, minlength=len(kinds)).astype(float), sums)

    def likelihood(self, prior: ArmPrior) -> float:
        """The Gaussian marginal log-likelihood, up to a constant."""
        var1, var0, cov = prior._variances(self.n1, self.n0)
        one, zero, off = prior._precision
        fit = self.squares[:, 0] * var1 + self.squares[:, 1] * var0 + 2 * self.squares[:, 2] * cov
        size = np.log((one * zero - off * off) * (var1 * var0 - cov * cov))
        return 0.5 * float((self.cells * size + fit).sum())


def chosen_prior(cells: ArmSums, k: float | None, *, joint: bool) -> ArmPrior:
    """The prior of greatest marginal likelihood over a grid; `k` is kept when it is given.

    Only second moments of the residuals enter its score equations, so that noise need not be
    normal for the choice to be sound (a quasi-likelihood).
    """
    strengths = STRENGTHS if k is None else [k]
    bases = [float(s) for s in STRENGTHS] if joint else [None]
    moments = _Moments.of(cells)
    return max((ArmPrior(float(s), b) for s in strengths for b in bases), key=moments.likelihood)


def shrunken(effect: Floats, stderr: Floats) -> tuple[Floats, Floats]:
    """Effects and errors shrunk towards their mean, its spread chosen by marginal likelihood.

    Normal effects around one mean with normal errors (Efron & Morris 1975); NaN stays NaN. The
    error includes that of the mean.
    """
    known = np.isfinite(effect) & np.isfinite(stderr) & (stderr > 0)
    if known.sum() < 3:
        return effect, stderr
    y, v = effect[known], stderr[known] ** 2
    best = max(
        np.append(0.0, np.geomspace(1e-3, 1e2, 60)) * float(np.median(v)), key=lambda t: _normal_likelihood(y, v, t)
    )
    weight = 1 / (v + best)
    centre, centre_var = float((weight * y).sum() / weight.sum()), 1 / float(weight.sum())
    keep = best / (best + v)
    out, error = effect.copy(), stderr.copy()
    out[known] = centre + keep * (y - centre)
    error[known] = np.sqrt(keep * v + (1 - keep) ** 2 * centre_var)
    return out, error


def _normal_likelihood(y: Floats, v: Floats, spread: float) -> float:
    """Restricted log-likelihood of a common mean."""
    total = v + spread
    centre = (y / total).sum() / (1 / total).sum()
    return float(-0.5 * (np.log(total).sum() + ((y - centre) ** 2 / total).sum() + np.log((1 / total).sum())))
