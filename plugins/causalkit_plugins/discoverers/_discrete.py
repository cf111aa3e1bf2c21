"""Tests of conditional independence between discrete columns: G² and Pearson's χ², tables in batches."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from causalkit_plugins.discoverers._batches import EachVariable, Floats, Ints
from causalkit_plugins.discoverers._tables import Counter, Tables

SPARSE = 40
"""Rows per degree of freedom below which G² is not near its law."""


class GSquared(EachVariable):
    """G², or Pearson's χ², against chi-squared; degrees of freedom count levels that occur in each stratum.

    `auto`: G², but with fewer than 40 rows per degree of freedom, where G² is far above its law, the p-value is that of
    χ² times (n - 1) / n of each stratum. Given something, a test with fewer than 5 rows per degree of freedom is not
    made. Its strength is G² / 2n, the mutual information in nats, or χ² / n.

    Parameters
    ----------
    codes : `[n, p]`, levels from 0.
    """

    def __init__(self, codes: npt.NDArray[np.int64], statistic: Literal["auto", "g2", "chi2"] = "g2") -> None:
        self.counter = Counter(codes)
        self.pearson = statistic == "chi2"
        self.sparse = SPARSE if statistic == "auto" else 0
        self.scale = "χ²/n" if self.pearson else "G²/2n in nats"

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P and strength, `[c, t]` each; NaN where it cannot be told."""
        if sets.shape[1] == 1:
            tables = self.counter.given_one(i, sets[:, 0], targets)
            return self._read(tables, 5)
        p, strength = np.empty((2, len(sets), len(targets)))
        if sets.shape[1] == 0:
            _, tables = next(self.counter.given_nothing(np.array([i]), targets))
            p[:], strength[:] = self._read(tables, 0)
            return p, strength
        for at, tables in self.counter.given_several(i, sets, targets):
            p[at], strength[at] = self._read(tables, 5)
        return p, strength

    def marginal(self, i: Ints, j: Ints) -> tuple[Floats, Floats]:
        """P and strength `[n]` of i and j given nothing."""
        p, strength = np.empty((2, len(i)))
        first, second = np.unique(i), np.unique(j)
        for rows, tables in self.counter.given_nothing(first, second):
            told, size = self._read(tables, 0)
            at = np.flatnonzero((i >= first[rows[0]]) & (i <= first[rows[-1]]))
            where = np.searchsorted(first[rows], i[at]), np.searchsorted(second, j[at])
            p[at], strength[at] = told[where], size[where]
        return p, strength

    def _statistic(self, tables: Tables) -> Floats:
        return tables.chi2() if self.pearson else tables.g2(self.counter.n_log_n)

    def _read(self, tables: Tables, least: int) -> tuple[Floats, Floats]:
        """P and strength of every table; NaN with fewer than `least` rows per degree of freedom."""
        from scipy.special import chdtrc

        statistic, freedom = np.maximum(self._statistic(tables), 0), tables.freedom()
        few = (freedom < 1) | (self.counter.rows < least * freedom)
        told = statistic
        if (sparse := self.counter.rows < self.sparse * freedom).any():
            told = np.where(sparse, np.maximum(tables.chi2(centred=True), 0), statistic)
        p = chdtrc(np.maximum(freedom, 1), told)
        strength = statistic / (self.counter.rows * (1 if self.pearson else 2))
        p[few] = strength[few] = np.nan
        return p, strength
