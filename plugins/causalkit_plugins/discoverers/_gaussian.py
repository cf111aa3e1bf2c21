"""Tests of partial correlation, many at once: Fisher's z, and Wilks' lambda for one-hot blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit_plugins.discoverers._arrays import Arrays
from causalkit_plugins.discoverers._batches import Batch, Bools, EachVariable, Floats, Ints, Weakest
from causalkit_plugins.discoverers._partial import squared

_RIDGE = 1e-10
"""Keeps blocks invertible where few units make columns dependent; far below what a test can see."""
_ONE = 1 - 1e-15
"""The largest correlation that has a z."""


class FisherZ:
    """`sqrt(n - l - 3) * atanh|r|` against the normal law (Fisher 1924), r from correlations.

    The test rejects at `alpha` where `|r| > tanh(z / sqrt(n - l - 3))`, z the upper alpha/2 quantile. Its
    strength is |r|.

    Parameters
    ----------
    correlations : `[p, p]`.
    units : `[p, p]`, how many units stand behind each pair.
    device : where to test: None is numpy on the CPU, else what torch calls it.
    """

    scale = "absolute partial correlation"

    def __init__(self, correlations: Floats, units: Floats, device: str | None = None) -> None:
        self.units = units
        self.on = Arrays(device)
        self.cells = self.on.cells
        self.correlations = self.on.put(correlations + _RIDGE * np.eye(len(correlations)))

    def __call__(self, i: int, sets: Ints, targets: Ints) -> Floats:
        return self.measured(i, sets, targets)[0]

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P and |r|, `[c, t]` each, of i and `targets` given `sets` (`[c, l]`); NaN where it cannot be told."""
        freedom = self.units[[[i]], targets] - sets.shape[1] - 3
        r2 = self.on.get(self._squared(np.array([i]), sets[None], targets[None], freedom))[0]
        r = np.sqrt(np.where(np.isinf(r2), np.nan, r2))
        return normal_p(r, freedom), r

    def marginal(self, i: Ints, j: Ints) -> tuple[Floats, Floats]:
        """P and |r| `[n]` of i and j given nothing."""
        r = self.on.get(abs(self.correlations[self.on.put(i), self.on.put(j)]))
        return self._p(r, self.units[i, j] - 3), r

    def weakest(self, batch: Batch) -> Weakest:
        """The set of least |r|, which has the greatest p, for each variable and target."""
        freedom = self._freedom(batch)
        r2 = self._squared(batch.i, batch.sets, batch.targets, freedom)
        place = r2.argmin(1)
        m, t = (self.on.put(np.arange(size)) for size in batch.targets.shape)
        least = self.on.get(r2[m[:, None], place, t])
        r = np.sqrt(np.where(np.isinf(least), np.nan, least))
        in_the_set = batch.level * len(batch.places) * len(batch.i)
        untold = int((r2 == float("inf")).sum()) - in_the_set
        return Weakest(self._p(r, freedom), r, self.on.get(place), untold)

    def separating(self, batch: Batch, alpha: float) -> Bools:
        """`[m, c, t]`: whether |r| is below the threshold; False where it cannot be told."""
        from scipy.special import ndtri

        freedom = self._freedom(batch)
        limit = np.tanh(-ndtri(alpha / 2) / np.sqrt(np.maximum(freedom, 1))) ** 2
        r2 = self._squared(batch.i, batch.sets, batch.targets, freedom)
        return np.asarray(self.on.get(r2 < self.on.put(limit)[:, None, :]))

    def _p(self, r: Floats, freedom: Floats) -> Floats:
        """`normal_p` where the work is done: at level 0 there is one for every pair."""
        if self.on.device is None:
            return normal_p(r, freedom)
        import torch

        size, left = self.on.put(np.minimum(r, _ONE)), self.on.put(np.asarray(freedom, float))
        z = torch.sqrt(torch.where(left >= 1, left, float("nan"))) * torch.atanh(size)
        return np.asarray(self.on.get(torch.erfc(z / 2**0.5)))

    def _freedom(self, batch: Batch) -> Floats:
        return np.asarray(self.units[batch.i[:, None], batch.targets] - batch.level - 3)

    def _squared(self, i: Ints, sets: Ints, targets: Ints, freedom: Floats) -> Any:
        """r² `[m, c, t]`; inf where it cannot be told."""
        r2 = squared(self.correlations, self.on.put(i), self.on.put(sets), self.on.put(targets))
        if (few := ~(freedom >= 1)).any():
            r2.swapaxes(1, 2)[self.on.put(few)] = float("inf")
        return r2


def normal_p(r: Floats, freedom: Floats) -> Floats:
    """Two-sided p of a correlation; NaN where fewer than one degree of freedom is left."""
    from scipy.special import erfc

    with np.errstate(invalid="ignore"):
        z = np.sqrt(np.where(freedom >= 1, freedom, np.nan)) * np.arctanh(np.minimum(np.abs(r), _ONE))
    return np.asarray(erfc(z / np.sqrt(2)))


class WilksLambda(EachVariable):
    """The likelihood-ratio test of two blocks of columns given others, where some variables are one-hot.

    `-(n - 1 - dim(S) - (a + b + 1) / 2) log(lambda)` against chi-squared with a·b degrees of freedom
    (Bartlett 1938); two single columns get Fisher's z. Its strength is `sqrt(1 - lambda)`, which is
    |r| for single columns.

    Parameters
    ----------
    correlations : `[q, q]` over all columns.
    blocks : for each variable, its columns.
    units : how many units there are.
    """

    scale = "partial correlation of the two blocks, sqrt(1 - lambda),"

    def __init__(self, correlations: Floats, blocks: list[Ints], units: float) -> None:
        self.sizes = np.array([len(block) for block in blocks])
        self.units = units
        self.width = int(self.sizes.max())
        self.padded = _padded(correlations + _RIDGE * np.eye(len(correlations)), blocks, self.width)

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P and strength, `[c, t]` each; NaN where it cannot be told."""
        given = np.repeat(sets, len(targets), axis=0)
        target = np.tile(targets, len(sets))
        outside = ~(given == target[:, None]).any(axis=1)
        found = np.full((2, len(target)), np.nan)
        found[:, outside] = self._pairs(i, given[outside], target[outside])
        p, strength = found.reshape(2, len(sets), len(targets))
        return p, strength

    def _pairs(self, i: int, given: Ints, target: Ints) -> tuple[Floats, Floats]:
        from scipy.special import chdtrc

        first = np.full((len(target), 1), i)
        log_lambda = (
            self._logdet(np.hstack([given, first, target[:, None]]))
            + self._logdet(given)
            - self._logdet(np.hstack([given, first]))
            - self._logdet(np.hstack([given, target[:, None]]))
        )
        a, b, held = self.sizes[i], self.sizes[target], self.sizes[given].sum(axis=1)
        strength = np.sqrt(np.clip(-np.expm1(log_lambda), 0, 1))
        single = normal_p(strength, self.units - held - 3)
        factor = self.units - 1 - held - (a + b + 1) / 2
        several = np.where(factor >= 1, chdtrc(a * b, np.maximum(-factor * log_lambda, 0)), np.nan)
        return np.where(a * b == 1, single, several), strength

    def _logdet(self, variables: Ints) -> npt.NDArray[np.float64]:
        if variables.shape[1] == 0:
            return np.zeros(len(variables))
        held = variables.shape[1] * self.width
        columns = (variables[:, :, None] * self.width + np.arange(self.width)).reshape(len(variables), held)
        return np.asarray(np.linalg.slogdet(self.padded[columns[:, :, None], columns[:, None, :]])[1])


def _padded(correlation: Floats, blocks: list[Ints], width: int) -> Floats:
    """Every block widened with columns that correlate with nothing, which leaves determinants as they are."""
    padded = np.eye(len(blocks) * width)
    places = np.concatenate([v * width + np.arange(len(block)) for v, block in enumerate(blocks)])
    columns = np.concatenate(blocks)
    padded[np.ix_(places, places)] = correlation[np.ix_(columns, columns)]
    return padded
