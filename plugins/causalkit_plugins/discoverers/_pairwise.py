"""Correlations and tests of columns with missing values: each pair by the rows in which both are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from causalkit_plugins.discoverers._batches import EachVariable, Floats, Ints
from causalkit_plugins.discoverers._gaussian import normal_p
from causalkit_plugins.discoverers._partial import squared

LEAST_EIGENVALUE = 1e-3
"""What a table of pairwise correlations is shrunk to, where it has a smaller eigenvalue or a negative one."""
_RIDGE = 1e-10
_FLAT = 1e-7
"""A standard deviation, of columns whose rows have 1, below which nothing varies."""


def correlations(values: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Correlations and counts, `[q, q]` each, over the rows in which both columns are known (not NaN).

    A column that does not vary correlates with nothing. Counts are sums of `weights` (frequencies).
    """
    known = ~np.isnan(values)
    if known.all():
        return _complete(values, weights)
    w = np.ones(len(values)) if weights is None else weights
    filled, seen = np.where(known, values, 0), known.astype(float)
    weighted = filled * w[:, None]
    counts = (seen * w[:, None]).T @ seen
    most = np.maximum(counts, 1)
    sums = weighted.T @ seen  # [q, q]: of the row's column, over the rows in which the other is known too
    squares = (weighted * filled).T @ seen
    variance = squares / most - (sums / most) ** 2
    covariance = weighted.T @ filled / most - (sums / most) * (sums.T / most)
    spread = np.sqrt(np.maximum(variance * variance.T, 0))
    r = np.where(spread > _FLAT**2, covariance / np.maximum(spread, _FLAT**2), 0).clip(-1, 1)
    np.fill_diagonal(r, 1)
    return r, counts


def _complete(values: Floats, weights: Floats | None) -> tuple[Floats, Floats]:
    total = float(len(values)) if weights is None else float(weights.sum())
    centred = values - np.average(values, axis=0, weights=weights)
    scaled = centred if weights is None else centred * np.sqrt(weights)[:, None]
    spread = np.sqrt((scaled**2).sum(axis=0) / total)
    scaled = np.where(spread > _FLAT, scaled / np.maximum(spread, _FLAT), 0)
    r = scaled.T @ scaled / total
    np.fill_diagonal(r, 1)
    return r, np.broadcast_to(total, r.shape)


def positive(r: Floats) -> tuple[Floats, float]:
    """Correlations that can be those of a table, and how far towards none they were shrunk (0: not at all).

    Pairwise ones may contradict each other; as little of the identity is mixed in as lifts the least
    eigenvalue to `LEAST_EIGENVALUE`.
    """
    least = float(np.linalg.eigvalsh(r)[0])
    if least >= LEAST_EIGENVALUE:
        return r, 0.0
    share = (LEAST_EIGENVALUE - least) / (1 - least)
    return np.asarray((1 - share) * r + share * np.eye(len(r))), share


class PairwiseZ(EachVariable):
    """Fisher's z of partial correlations, where pairs differ in how many rows know both.

    n of a test is the least count among all pairs of its variables. Its strength is |r|.

    Parameters
    ----------
    r, counts : `[p, p]`.
    """

    def __init__(self, r: Floats, counts: Floats) -> None:
        self.r = r + _RIDGE * np.eye(len(r))
        self.counts = counts

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P and |r|, `[c, t]` each; NaN where it cannot be told."""
        found = squared(self.r, np.array([i]), sets[None], targets[None])[0]
        r = np.sqrt(np.where(np.isinf(found), np.nan, found))
        r = np.broadcast_to(r, (len(sets), len(targets)))
        return normal_p(r, least_count(self.counts, i, sets, targets) - sets.shape[1] - 3), r


def least_count(counts: Floats, i: int, sets: Ints, targets: Ints) -> Floats:
    """`[c, t]`: the least count among the pairs of i, a set and a target."""
    least = np.repeat(counts[i, targets][None], len(sets), axis=0)
    if sets.shape[1]:
        own = np.minimum(counts[i, sets].min(1), counts[sets[:, :, None], sets[:, None, :]].min((1, 2)))
        least = np.minimum(np.minimum(least, own[:, None]), counts[sets][:, :, targets].min(1))
    return np.asarray(least)


class KnownRows(EachVariable):
    """A test of tables by rows, made anew for each test on the rows that know all of its variables.

    Parameters
    ----------
    known : `[n, p]`.
    make : from a mask of rows to the test on them.
    """

    def __init__(self, known: npt.NDArray[np.bool_], make: Callable[[npt.NDArray[np.bool_]], EachVariable]) -> None:
        self.known = known
        self.make = make
        self.whole = known.all(axis=0)

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P and strength, `[c, t]` each, as the test made gives them."""
        p, strength = np.full((2, len(sets), len(targets)), np.nan)
        for at, given in enumerate(sets):
            rows = self.known[:, [i, *given]].all(axis=1)
            lacking = {int(t): (int(t),) for t in targets if not self.whole[t]}
            rest = tuple(int(t) for t in targets if self.whole[t])
            for together in [*([rest] if rest else []), *lacking.values()]:
                mask = rows & self.known[:, list(together)].all(axis=1)
                columns = np.flatnonzero(np.isin(targets, together))
                if mask.sum() > 1:
                    found = self.make(mask).measured(i, given[None], targets[columns])
                    p[at, columns], strength[at, columns] = found[0][0], found[1][0]
        return p, strength
