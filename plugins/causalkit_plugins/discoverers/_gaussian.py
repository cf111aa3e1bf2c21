"""Tests of partial correlation, many at once: Fisher's z, and Wilks' lambda for one-hot blocks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from causalkit_plugins.discoverers._skeleton import Floats, Ints


class FisherZ:
    """`sqrt(n - l - 3) * atanh|r|` against the normal law (Fisher 1924), r from a correlation matrix.

    The test rejects at `alpha` where `|r| > tanh(z / sqrt(n - l - 3))`, z the upper alpha/2 quantile.

    Parameters
    ----------
    correlation : `[p, p]`.
    units : `[p, p]`, how many units stand behind each pair.
    """

    def __init__(self, correlation: Floats, units: Floats) -> None:
        self.correlation = correlation
        self.units = units

    def __call__(self, i: int, sets: Ints, targets: Ints) -> Floats:
        freedom = self.units[i, targets] - sets.shape[1] - 3
        return normal_p(self._partial(i, sets, targets), freedom)

    def _partial(self, i: int, sets: Ints, targets: Ints) -> Floats:
        r = self.correlation
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
        return np.asarray(np.where(np.minimum(a, b) > 1e-10, shared / np.sqrt(product), np.nan))


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
    correlation : `[q, q]` over all columns.
    blocks : for each variable, its columns.
    units : `[p, p]`, how many units stand behind each pair of variables.
    """

    def __init__(self, correlation: Floats, blocks: list[Ints], units: Floats) -> None:
        self.sizes = np.array([len(block) for block in blocks])
        self.units = units
        self.width = int(self.sizes.max())
        self.padded = _padded(correlation, blocks, self.width)

    def __call__(self, i: int, sets: Ints, targets: Ints) -> Floats:
        count = len(sets)
        given = np.repeat(sets, len(targets), axis=0)
        target = np.tile(targets, count)
        inside = (given == target[:, None]).any(axis=1)
        p = np.full(len(target), np.nan)
        p[~inside] = self._pairs(i, given[~inside], target[~inside])
        return p.reshape(count, len(targets))

    def _pairs(self, i: int, given: Ints, target: Ints) -> Floats:
        from scipy.special import chdtrc

        first = np.full((len(target), 1), i)
        log_lambda = (
            self._logdet(np.hstack([given, first, target[:, None]]))
            + self._logdet(given)
            - self._logdet(np.hstack([given, first]))
            - self._logdet(np.hstack([given, target[:, None]]))
        )
        a, b, held = self.sizes[i], self.sizes[target], self.sizes[given].sum(axis=1)
        n = self.units[i, target]
        single = normal_p(np.sqrt(np.clip(-np.expm1(log_lambda), 0, 1)), n - held - 3)
        factor = n - 1 - held - (a + b + 1) / 2
        several = np.where(factor >= 1, chdtrc(a * b, np.maximum(-factor * log_lambda, 0)), np.nan)
        return np.where(a * b == 1, single, several)

    def _logdet(self, variables: Ints) -> npt.NDArray[np.float64]:
        if variables.shape[1] == 0:
            return np.zeros(len(variables))
        columns = (variables[:, :, None] * self.width + np.arange(self.width)).reshape(len(variables), -1)
        return np.asarray(np.linalg.slogdet(self.padded[columns[:, :, None], columns[:, None, :]])[1])


def _padded(correlation: Floats, blocks: list[Ints], width: int) -> Floats:
    """Every block widened with columns that correlate with nothing, which leaves determinants as they are."""
    padded = np.eye(len(blocks) * width)
    places = np.concatenate([v * width + np.arange(len(block)) for v, block in enumerate(blocks)])
    columns = np.concatenate(blocks)
    padded[np.ix_(places, places)] = correlation[np.ix_(columns, columns)]
    return padded
