"""Tests of partial correlation, many at once: Fisher's z, and Wilks' lambda for one-hot blocks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from causalkit_plugins.discoverers._levels import Levels
from causalkit_plugins.discoverers._skeleton import Floats, Ints

_RIDGE = 1e-10
"""Keeps blocks invertible where few units make columns dependent; far below what a test can see."""


class FisherZ:
    """`sqrt(n - l - 3) * atanh|r|` against the normal law (Fisher 1924), r from correlation matrices.

    The test rejects at `alpha` where `|r| > tanh(z / sqrt(n - l - 3))`, z the upper alpha/2 quantile.

    Parameters
    ----------
    correlations : for each level, `[p, p]`.
    levels : which level, and how many units, for each pair.
    """

    def __init__(self, correlations: list[Floats], levels: Levels) -> None:
        self.correlations = [r + _RIDGE * np.eye(len(r)) for r in correlations]
        self.levels = levels

    def __call__(self, i: int, sets: Ints, targets: Ints) -> Floats:
        r = np.full((len(sets), len(targets)), np.nan)
        for level, at in _by_level(self.levels, i, targets):
            r[:, at] = _partial(self.correlations[level], i, sets, targets[at])
        return normal_p(r, self.levels.units[i, targets] - sets.shape[1] - 3)


def _by_level(levels: Levels, i: int, targets: Ints) -> list[tuple[int, Ints]]:
    """Places of `targets` that are compared with `i` at each level."""
    own = levels.of_pair[i, targets]
    return [(int(level), np.flatnonzero(own == level)) for level in np.unique(own) if level >= 0]


def _partial(r: Floats, i: int, sets: Ints, targets: Ints) -> Floats:
    """Partial correlations of i with every target given every set."""
    level = sets.shape[1]
    if level == 0:
        return r[i, targets][None, :]
    if level == 1:
        with_i, with_target = r[i, sets[:, 0]][:, None], r[sets[:, 0]][:, targets]
        return _scaled(r[i, targets] - with_i * with_target, 1 - with_i * with_i, 1 - with_target * with_target)
    within = r[sets[:, :, None], sets[:, None, :]]
    across = r[sets[:, :, None], np.append(i, targets)[None, None, :]]
    weights = np.linalg.solve(within, across)
    left = 1 - np.einsum("clt,clt->ct", across, weights)
    shared = r[i, targets] - (across[:, :, :1] * weights[:, :, 1:]).sum(axis=1)
    return _scaled(shared, left[:, :1], left[:, 1:])


def _scaled(shared: Floats, a: Floats, b: Floats) -> Floats:
    """Correlation from a covariance and two variances; NaN where one has all but gone."""
    product = np.maximum(a, 0) * np.maximum(b, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(np.minimum(a, b) > 1e-8, shared / np.sqrt(product), np.nan))


def normal_p(r: Floats, freedom: Floats) -> Floats:
    """Two-sided p of a correlation; NaN where fewer than one degree of freedom is left."""
    from scipy.special import erfc

    with np.errstate(invalid="ignore"):
        z = np.sqrt(np.where(freedom >= 1, freedom, np.nan)) * np.arctanh(np.minimum(np.abs(r), 1 - 1e-15))
    return np.asarray(erfc(z / np.sqrt(2)))


class WilksLambda:
    """The likelihood-ratio test of two blocks of columns given others, where some variables are one-hot.

    `-(n - 1 - dim(S) - (a + b + 1) / 2) log(lambda)` against chi-squared with a·b degrees of freedom
    (Bartlett 1938); two single columns get Fisher's z.

    Parameters
    ----------
    correlations : for each level, `[q, q]` over all columns.
    blocks : for each variable, its columns.
    levels : which level, and how many units, for each pair of variables.
    """

    def __init__(self, correlations: list[Floats], blocks: list[Ints], levels: Levels) -> None:
        self.sizes = np.array([len(block) for block in blocks])
        self.levels = levels
        self.width = int(self.sizes.max())
        self.padded = [_padded(r + _RIDGE * np.eye(len(r)), blocks, self.width) for r in correlations]

    def __call__(self, i: int, sets: Ints, targets: Ints) -> Floats:
        p = np.full((len(sets), len(targets)), np.nan)
        for level, at in _by_level(self.levels, i, targets):
            given = np.repeat(sets, len(at), axis=0)
            target = np.tile(targets[at], len(sets))
            outside = ~(given == target[:, None]).any(axis=1)
            found = np.full(len(target), np.nan)
            found[outside] = self._pairs(self.padded[level], i, given[outside], target[outside])
            p[:, at] = found.reshape(len(sets), len(at))
        return p

    def _pairs(self, r: Floats, i: int, given: Ints, target: Ints) -> Floats:
        from scipy.special import chdtrc

        first = np.full((len(target), 1), i)
        log_lambda = (
            self._logdet(r, np.hstack([given, first, target[:, None]]))
            + self._logdet(r, given)
            - self._logdet(r, np.hstack([given, first]))
            - self._logdet(r, np.hstack([given, target[:, None]]))
        )
        a, b, held = self.sizes[i], self.sizes[target], self.sizes[given].sum(axis=1)
        n = self.levels.units[i, target]
        single = normal_p(np.sqrt(np.clip(-np.expm1(log_lambda), 0, 1)), n - held - 3)
        factor = n - 1 - held - (a + b + 1) / 2
        several = np.where(factor >= 1, chdtrc(a * b, np.maximum(-factor * log_lambda, 0)), np.nan)
        return np.where(a * b == 1, single, several)

    def _logdet(self, r: Floats, variables: Ints) -> npt.NDArray[np.float64]:
        if variables.shape[1] == 0:
            return np.zeros(len(variables))
        held = variables.shape[1] * self.width
        columns = (variables[:, :, None] * self.width + np.arange(self.width)).reshape(len(variables), held)
        return np.asarray(np.linalg.slogdet(r[columns[:, :, None], columns[:, None, :]])[1])


def _padded(correlation: Floats, blocks: list[Ints], width: int) -> Floats:
    """Every block widened with columns that correlate with nothing, which leaves determinants as they are."""
    padded = np.eye(len(blocks) * width)
    places = np.concatenate([v * width + np.arange(len(block)) for v, block in enumerate(blocks)])
    columns = np.concatenate(blocks)
    padded[np.ix_(places, places)] = correlation[np.ix_(columns, columns)]
    return padded
