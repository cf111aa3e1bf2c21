"""Per-item means and centred cross products of columns, and the regression of one column that follows.

Axes: I items, Q columns (treatment, adjustment …, outcome), K adjustment columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
TOLERANCE = 1e-10
"""Share of a column's variance below which what others leave of it is rounding."""


@dataclass(frozen=True)
class Moments:
    """Weights `n` `[I]`, means `[I, Q]`, and weighted cross products around them `[I, Q, Q]`."""

    n: Floats
    mean: Floats
    cross: Floats

    @classmethod
    def none(cls, items: int, columns: int) -> Moments:
        """Of no rows."""
        return cls(np.zeros(items), np.zeros((items, columns)), np.zeros((items, columns, columns)))

    @classmethod
    def of(cls, item: Ints, w: Floats, columns: Sequence[Floats], items: int) -> Moments:
        """Of rows with item codes `item`; centred on these rows' own means, so that nothing cancels."""
        n = np.bincount(item, w, items)
        mean = np.empty((items, len(columns)))
        cross = np.empty((items, len(columns), len(columns)))
        centred: list[Floats] = []
        for q, column in enumerate(columns):
            mean[:, q] = np.bincount(item, w * column, items) / np.maximum(n, 1e-300)
            centred.append(column - mean[item, q])
            weighted = w * centred[q]
            for p in range(q + 1):
                cross[:, p, q] = cross[:, q, p] = np.bincount(item, weighted * centred[p], items)
        return cls(n, mean, cross)

    def joined(self, other: Moments) -> Moments:
        """Of both sets of rows (Chan, Golub & LeVeque 1983, Am. Stat. 37, eq. 2.1)."""
        n = self.n + other.n
        share = np.divide(other.n, n, out=np.zeros_like(n), where=n > 0)
        apart = other.mean - self.mean
        between = np.einsum("ip,iq->ipq", apart, apart) * (self.n * share)[:, None, None]
        return Moments(n, self.mean + apart * share[:, None], self.cross + other.cross + between)

    def without_adjustment(self) -> Moments:
        """Of the first and the last column alone."""
        return Moments(self.n, self.mean[:, [0, -1]], self.cross[:, [0, -1]][:, :, [0, -1]])


@dataclass(frozen=True)
class Partial:
    """What adjustment leaves of treatment and outcome within each item.

    Parameters
    ----------
    rank : `[I]` adjustment columns that say something of their own; the others drop out.
    root : `[I, K, K]` whose product with its transpose is the inverse of the adjustment's cross products.
    on_treatment, on_outcome : `[I, K]` coefficients of treatment, and of outcome, on adjustment.
    left : `[I]` what adjustment leaves of the treatment's sum of squares; 0 where nothing.
    effect : `[I]` the outcome's coefficient on treatment; NaN where nothing is left.
    """

    rank: Ints
    root: Floats
    on_treatment: Floats
    on_outcome: Floats
    left: Floats
    effect: Floats

    @classmethod
    def of(cls, moments: Moments) -> Partial:
        """By the theorem of Frisch, Waugh & Lovell; columns are the treatment first, the outcome last."""
        cross = moments.cross
        root, rank = _inverse_root(cross[:, 1:-1, 1:-1], moments.mean[:, 1:-1], moments.n)
        inverse = np.matmul(root, root.transpose(0, 2, 1))
        on_treatment = np.einsum("ijk,ik->ij", inverse, cross[:, 1:-1, 0])
        on_outcome = np.einsum("ijk,ik->ij", inverse, cross[:, 1:-1, -1])
        whole = cross[:, 0, 0]
        left = whole - np.einsum("ik,ik->i", on_treatment, cross[:, 1:-1, 0])
        left = np.where(left > TOLERANCE * whole, left, 0.0)
        shared = cross[:, 0, -1] - np.einsum("ik,ik->i", on_treatment, cross[:, 1:-1, -1])
        effect = np.divide(shared, left, out=np.full_like(left, np.nan), where=left > 0)
        return cls(rank, root, on_treatment, on_outcome, left, effect)


def _inverse_root(cross: Floats, mean: Floats, n: Floats) -> tuple[Floats, Ints]:
    """`R` with `R Rᵀ` the inverse of each matrix on the directions that are not collinear, and their number."""
    squares = np.diagonal(cross, axis1=1, axis2=2)
    varies = squares > n[:, None] * (TOLERANCE * mean) ** 2
    scale = np.where(varies, np.sqrt(np.where(varies, squares, 1.0)), np.inf)
    values, vectors = np.linalg.eigh(cross / scale[:, :, None] / scale[:, None, :])
    kept = values > TOLERANCE
    root = vectors * np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)[:, None, :]
    symmetric = np.matmul(root, vectors.transpose(0, 2, 1))  # of all such roots the one that is unique
    return symmetric / scale[:, :, None], kept.sum(1)
