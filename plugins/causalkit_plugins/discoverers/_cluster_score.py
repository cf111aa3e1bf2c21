"""Tests by the products of residuals, with variances that allow for rows of one user, item or week to be alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from causalkit_plugins.discoverers._batches import EachVariable, Floats, Ints
from causalkit_plugins.discoverers._residuals import Cells, Residuals

FEWEST = 5
"""Clusters, less those that the set holds fixed, with which a test is made."""

MOST_CELLS = 8_000_000
"""Products of residuals held at once."""


@dataclass(frozen=True)
class _Sum:
    """Sums over the clusters of some ids together, to be added to the variance or taken from it."""

    sign: float
    by_cluster: Any


class ClusterScore(EachVariable):
    """Is the mean product of two residuals 0, where rows of a cluster may depend on each other?

    Each of the two is regressed on the set; under independence the sum U of the products of what is left is
    0 in the mean, if either regression is right (the generalised covariance measure, Shah & Peters 2020, Annals of
    Statistics 48, section 3). Its variance V is estimated from the sums of products over clusters; where clusters
    cross, those of each id are added and those of ids together are taken away (Cameron, Gelbach & Miller 2011, JBES
    29, equation 2.13). `U² / V` is compared with the law of a squared t statistic about 0, with as many degrees of
    freedom as the id of fewest clusters has, less 1 and less the columns of the set that are fixed within them.
    Of two categories V is no less than it would be were they independent of each other and of the set: where rare
    levels hardly meet, the products say too little of it.
    Where a category has several levels, the level of least p counts, times their number (Bonferroni). Strength is
    the correlation of the residuals.

    Parameters
    ----------
    cells : the columns; two rows are independent unless a cluster holds both.
    clusters : for each id, the cluster of each row, from 0; none: rows are independent.
    """

    def __init__(self, cells: Cells, clusters: tuple[Ints, ...] = ()) -> None:
        self.left = Residuals(cells)
        self.weights = self.left.weights
        self.sums = [_Sum(sign, _adder(codes)) for sign, codes in _together(clusters)]
        self.single = [_adder(codes) for codes in clusters]
        self.sizes = np.array([codes.max() + 1 for codes in clusters] or [self.weights.sum()], float)
        self.fixed = np.array([_fixed(cells, codes) for codes in clusters] or [[0.0] * len(cells.blocks)])
        self.category = np.array([codes is not None for codes in cells.codes])
        self.widths = np.array([len(block) for block in cells.blocks], float)

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P and strength, `[c, t]` each; NaN where it cannot be told."""
        p, strength = np.full((2, len(sets), len(targets)), np.nan)
        for at, given in enumerate(sets):
            size, held = self._size(given)
            if size - held < FEWEST or i in given:
                continue
            own = self.left(i, given)
            for place, target in enumerate(targets):
                if target not in given:
                    other = self.left(int(target), given)
                    rare = bool(self.category[i] and self.category[target])
                    p[at, place], strength[at, place] = self._told(own, other, size, held, rare)
        return p, strength

    def _size(self, given: Ints) -> tuple[float, float]:
        """Clusters of the id with the fewest left, and how many columns of the set are fixed within them."""
        held = self.fixed[:, given].sum(axis=1) if self.single else np.array([self.widths[given].sum()])
        fewest = int(np.argmin(self.sizes - held))
        return float(self.sizes[fewest]), float(held[fewest])

    def _told(self, a: Floats, b: Floats, size: float, held: float, rare: bool) -> tuple[float, float]:
        from scipy.special import betainc

        known = ~np.isnan(a).any(axis=1) & ~np.isnan(b).any(axis=1)
        scale = np.sqrt(np.outer(self._square(a, known), self._square(b, known))).ravel()
        total, variance = self._sums(np.where(known[:, None], a, 0), np.where(known[:, None], b, 0))
        if rare:
            variance = np.where(variance > 0, np.maximum(variance, scale**2 / self.weights[known].sum()), variance)
        able = (variance > 0) & (scale > 1e-8 * self.weights.sum())
        if not able.any():
            return np.nan, np.nan
        share = total[able] ** 2 / (variance[able] * size) * (1 - held / size)
        p = betainc((size - held - 1) / 2, 0.5, 1 - np.minimum(share, 1))
        return min(1.0, float(p.min()) * int(able.sum())), float((np.abs(total[able]) / scale[able]).max())

    def _sums(self, a: Floats, b: Floats) -> tuple[Floats, Floats]:
        """The sum of the products of each column of `a` with each of `b`, and its variance; some at a time."""
        pairs = [(k, m) for k in range(a.shape[1]) for m in range(b.shape[1])]
        step = max(1, MOST_CELLS // max(1, len(a)))
        totals, variances = [], []
        for start in range(0, len(pairs), step):
            first, second = np.array(pairs[start : start + step]).T
            products = a[:, first] * b[:, second]
            totals.append(self.weights @ products)
            variances.append(self._variance(products))
        return np.concatenate(totals), np.concatenate(variances)

    def _square(self, residuals: Floats, known: Any) -> Floats:
        return np.asarray((self.weights * known) @ np.where(known[:, None], residuals, 0) ** 2)

    def _variance(self, products: Floats) -> Floats:
        if not self.single:
            return np.asarray(self.weights @ products**2)
        weighted = products * self.weights[:, None]
        found = sum(one.sign * ((one.by_cluster @ weighted) ** 2).sum(axis=0) for one in self.sums)
        if len(self.single) > 1:  # the difference of sums may come out negative
            alone = np.max([((adder @ weighted) ** 2).sum(axis=0) for adder in self.single], axis=0)
            found = np.where(found > 0, found, alone)
        return np.asarray(found)


def _together(clusters: tuple[Ints, ...]) -> list[tuple[float, Ints]]:
    """The clusters of every combination of ids, and the sign with which they count."""
    found = []
    for size in range(1, len(clusters) + 1):
        for ids in combinations(clusters, size):
            code = ids[0]
            for other in ids[1:]:
                code = np.unique(code * (int(other.max()) + 1) + other, return_inverse=True)[1]
            found.append(((-1.0) ** (size + 1), code))
    return found


def _adder(codes: Ints) -> Any:
    """`[clusters, n]`, sparse: what sums the rows of each cluster."""
    from scipy.sparse import csr_array

    rows = np.arange(len(codes))
    return csr_array((np.ones(len(codes)), (codes, rows)), shape=(int(codes.max()) + 1, len(codes)))


def _fixed(cells: Cells, codes: Ints) -> list[float]:
    """For each variable, how many columns it has if it is constant within clusters, else 0."""
    order = np.argsort(codes, kind="stable")
    same = codes[order][1:] == codes[order][:-1]
    found = []
    for block in cells.blocks:
        values = cells.values[order[:, None], block]
        steps = np.abs(np.diff(values, axis=0)).max(axis=1, initial=0)
        found.append(float(len(block)) if not (steps[same] > 1e-9).any() else 0.0)
    return found
