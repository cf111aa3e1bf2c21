"""G² tests of conditional independence between discrete columns, contingency tables in batches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from causalkit_plugins.discoverers._batches import EachVariable, Floats, Ints


class GSquared(EachVariable):
    """G² against chi-squared, its degrees of freedom counted over levels that occur in each stratum.

    Where fewer units than rows stand behind a pair, G² is scaled by units / rows, as for a sample of
    that size. Given something, a test with fewer than 5 units per degree of freedom is not made. Its
    strength is G² / 2n, the mutual information in nats.

    Parameters
    ----------
    codes : `[n, p]`, levels from 0.
    units : `[p, p]`, how many units stand behind each pair; NaN where it is not to be tested.
    """

    scale = "G²/2n, in nats,"

    def __init__(self, codes: npt.NDArray[np.int64], units: Floats) -> None:
        self.codes = codes
        self.units = units
        self.levels = codes.max(axis=0) + 1
        counts = np.arange(len(codes) + 1, dtype=float)
        self.entropy = counts * np.log(np.maximum(counts, 1))

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P and strength, `[c, t]` each; NaN where it cannot be told."""
        from scipy.special import chdtrc

        width = self.levels[targets]
        starts = np.concatenate([[0], np.cumsum(width)[:-1]])
        shifted = self.codes[:, targets] + starts
        rows = [self._statistic(i, given, shifted, starts, int(width.sum())) for given in sets]
        g = np.array([statistic for statistic, _ in rows])
        freedom = np.array([df for _, df in rows])
        units = self.units[i, targets]
        enough = (freedom >= 1) & ((units >= 5 * freedom) | (sets.shape[1] == 0))
        scaled = np.maximum(g, 0) * units / len(self.codes)
        p = np.where(enough, chdtrc(np.maximum(freedom, 1), scaled), np.nan)
        return p, np.where(enough, np.maximum(g, 0) / (2 * len(self.codes)), np.nan)

    def _statistic(
        self, i: int, given: Ints, shifted: npt.NDArray[np.int64], starts: Ints, width: int
    ) -> tuple[Floats, Floats]:
        """G² and degrees of freedom of column i against every target, given one set."""
        own = int(self.levels[i])
        stratum, strata = self._strata(given)
        cell = (stratum * own + self.codes[:, i])[:, None] * width + shifted
        table = np.bincount(cell.ravel(), minlength=strata * own * width).reshape(strata, own, width)
        by_target = table.sum(axis=1)
        by_own = np.bincount(stratum * own + self.codes[:, i], minlength=strata * own).reshape(strata, own)
        joint = np.add.reduceat(self.entropy[table].sum(axis=(0, 1)), starts)
        margin = np.add.reduceat(self.entropy[by_target].sum(axis=0), starts)
        rest = self.entropy[by_own.sum(axis=1)].sum() - self.entropy[by_own].sum()
        seen = np.add.reduceat((by_target > 0).astype(float), starts, axis=1)
        own_seen = (by_own > 0).sum(axis=1)[:, None]
        freedom = ((own_seen - 1).clip(0) * (seen - 1).clip(0)).sum(axis=0)  # an empty stratum has none
        return 2 * (joint - margin + rest), freedom

    def _strata(self, given: Ints) -> tuple[npt.NDArray[np.int64], int]:
        """Each row's stratum, and how many strata there are; empty ones are squeezed out."""
        stratum = np.zeros(len(self.codes), np.int64)
        count = 1
        for column in given:
            stratum = stratum * int(self.levels[column]) + self.codes[:, column]
            count *= int(self.levels[column])
            if count > len(self.codes):
                found, stratum = np.unique(stratum, return_inverse=True)
                count = len(found)
        return stratum, count
