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
    """Per cell `[cells]`: rows and the sum of residuals over the noise's standard deviation, by arm.

    `q1` and `q0` are sums of their squares; absent, rows' variance is 1 whatever their number.
    """

    n1: Floats
    r1: Floats
    n0: Floats
    r0: Floats
    q1: Floats | None = None
    q0: Floats | None = None


@dataclass(frozen=True)
class ArmPrior:
    """How a cell's two arms deviate beforehand; variances are 1/strength, in units of a row's noise within its cell.

    Joint arms: the unexposed arm deviates by a base (strength `base`), the exposed one by that base
    plus an effect (strength `k`). Independent arms (`base` None): each by itself, with strength `k`.
    """

    k: float
    base: float | None = None

    @property
    def _precision(self) -> tuple[float, float, float]:
        return (self.k, self.k, 0.0) if self.base is None else (self.k, self.k + self.base, -self.k)

    @property
    def whole(self) -> tuple[float, float]:
        """A row's standard deviation over its noise within the cell, exposed and unexposed."""
        base = 1 / self.k if self.base is None else 1 / self.base
        both = base if self.base is None else base + 1 / self.k
        return (1 + both) ** 0.5, (1 + base) ** 0.5

    def within(self, cells: ArmSums) -> ArmSums:
        """`cells` of residuals over rows' whole standard deviation, in units of the noise within cells."""
        whole1, whole0 = self.whole
        return ArmSums(cells.n1, cells.r1 * whole1, cells.n0, cells.r0 * whole0)

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


def _row_spread(n: Floats, q: Floats | None) -> Floats:
    """A row's standard deviation in cells of so many rows.

    Who is seen often also buys often, and varies more; that must not be read as a spread of effects.
    """
    if q is None:
        return np.ones_like(n)
    _, place = np.unique(n, return_inverse=True)
    variance = (np.bincount(place, q) / np.maximum(np.bincount(place, n), 1e-300))[place]
    return np.where(variance > 0, np.sqrt(variance), 1.0)


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
        r1 = cells.r1 / _row_spread(cells.n1, cells.q1)
        r0 = cells.r0 / _row_spread(cells.n0, cells.q0)
        squares = [r1**2, r0**2, r1 * r0]
        sums = np.stack([np.bincount(place, s, len(kinds)) for s in squares], 1)
        return cls(kinds[:, 0], kinds[:, 1], np.bincount(place, minlength=len(kinds)).astype(float), sums)

    def likelihood(self, prior: ArmPrior) -> float:
        """The Gaussian log-likelihood of the sums, rows' whole variance being 1, up to a constant."""
        var1, var0, cov = prior._variances(self.n1, self.n0)
        one, zero, off = prior._precision
        f1, f0 = prior.whole
        s1, s0 = self.squares[:, 0] * f1**2, self.squares[:, 1] * f0**2
        fit = s1 * var1 + s0 * var0 + 2 * self.squares[:, 2] * f1 * f0 * cov
        size = np.log((one * zero - off * off) * (var1 * var0 - cov * cov))
        own = 2 * self.cells * ((self.n1 > 0) * np.log(f1) + (self.n0 > 0) * np.log(f0))
        own -= s1 / np.maximum(self.n1, 1e-300) + s0 / np.maximum(self.n0, 1e-300)
        return 0.5 * float((self.cells * size + fit + own).sum())


@dataclass(frozen=True)
class Priors:
    """Priors over a grid of strengths, and how plausible the cells make each (`weight` sums to 1).

    Residuals in the cells are over rows' whole standard deviation, which is that of noise and deviations
    together: with few rows a cell, taking it for the noise would claim half the spread that there is.
    The likelihood is that of a cell's sums; only their second moments enter its score equations, so
    that noise need not be normal (a quasi-likelihood). Standard deviations of deviations are uniform
    beforehand (Gelman 2006, Bayesian Analysis 1).
    """

    priors: tuple[ArmPrior, ...]
    weight: Floats
    likeliest: ArmPrior

    @classmethod
    def of(cls, cells: ArmSums, k: float | None, *, joint: bool) -> Priors:
        """Over the grid; `k` is kept when it is given. Those under a hundredth of the best are left out."""
        strengths = STRENGTHS if k is None else np.array([k])
        bases = [float(b) for b in STRENGTHS] if joint else [None]
        tried = [ArmPrior(float(s), b) for s in strengths for b in bases]
        moments = _Moments.of(cells)
        likelihood = np.array([moments.likelihood(prior) for prior in tried])
        spread = np.array([(p.k * (p.base or 1.0)) ** -0.5 for p in tried])
        weight = spread * np.exp(likelihood - likelihood.max())
        keep = np.flatnonzero(weight > 0.01 * weight.max())
        best = tried[int(likelihood.argmax())]
        return cls(tuple(tried[at] for at in keep), weight[keep] / weight[keep].sum(), best)

    def posterior(self, cells: ArmSums) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """As `ArmPrior.posterior`, averaged over priors, in units of rows' whole standard deviation.

        Variances include that of the means between priors.
        """
        mean1, mean0, square1, square0, product = (np.zeros_like(cells.n1) for _ in range(5))
        for prior, weight in zip(self.priors, self.weight, strict=True):
            one, zero, var1, var0, cov = prior.posterior(prior.within(cells))
            f1, f0 = prior.whole
            mean1 += weight * one / f1
            mean0 += weight * zero / f0
            square1 += weight * (var1 + one * one) / f1**2
            square0 += weight * (var0 + zero * zero) / f0**2
            product += weight * (cov + one * zero) / (f1 * f0)
        return mean1, mean0, square1 - mean1**2, square0 - mean0**2, product - mean1 * mean0


def shrunken(effect: Floats, stderr: Floats) -> tuple[Floats, Floats]:
    """Effects and errors shrunk towards their mean, averaged over their spread by marginal likelihood.

    Normal effects around one mean with normal errors (Efron & Morris 1975), their standard deviation
    uniform beforehand (Gelman 2006, Bayesian Analysis 1); NaN stays NaN. The error includes that of the
    mean and of the spread.
    """
    known = np.isfinite(effect) & np.isfinite(stderr) & (stderr > 0)
    if known.sum() < 3:
        return effect, stderr
    y, v = effect[known], stderr[known] ** 2
    spreads = np.geomspace(1e-3, 1e2, 60) * float(np.median(v))
    likelihood = np.array([_normal_likelihood(y, v, t) for t in spreads])
    plausible = np.sqrt(spreads) * np.exp(likelihood - likelihood.max())
    mean, square = np.zeros_like(y), np.zeros_like(y)
    for t, share in zip(spreads, plausible / plausible.sum(), strict=True):
        weight = 1 / (v + t)
        centre, keep = float((weight * y).sum() / weight.sum()), t / (t + v)
        drawn = centre + keep * (y - centre)
        mean += share * drawn
        square += share * (drawn**2 + keep * v + (1 - keep) ** 2 / weight.sum())
    out, error = effect.copy(), stderr.copy()
    out[known], error[known] = mean, np.sqrt(np.maximum(square - mean**2, 0))
    return out, error


def _normal_likelihood(y: Floats, v: Floats, spread: float) -> float:
    """Restricted log-likelihood of a common mean."""
    total = v + spread
    centre = (y / total).sum() / (1 / total).sum()
    return float(-0.5 * (np.log(total).sum() + ((y - centre) ** 2 / total).sum() + np.log((1 / total).sum())))
