"""Tests of columns with missing values: each on the rows that know all of its columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from causalkit_plugins.discoverers._batches import EachVariable, Floats, Ints
from causalkit_plugins.discoverers._gaussian import FisherZ, normal_p

_RIDGE = 1e-10
_FLAT = 1e-7
"""A standard deviation, of columns whose rows have 1, below which nothing varies."""


def correlations(values: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Correlations of columns without missing values, and n (the sum of weights), `[q, q]` each.

    A column that does not vary correlates with nothing.
    """
    total = float(len(values)) if weights is None else float(weights.sum())
    centred = values - np.average(values, axis=0, weights=weights)
    scaled = centred if weights is None else centred * np.sqrt(weights)[:, None]
    spread = np.sqrt((scaled**2).sum(axis=0) / total)
    scaled = np.where(spread > _FLAT, scaled / np.maximum(spread, _FLAT), 0)
    r = scaled.T @ scaled / total
    np.fill_diagonal(r, 1)
    return r, np.broadcast_to(total, r.shape)


class KnownZ(EachVariable):
    """Fisher's z of partial correlations (strength: |r|), each test on the rows that know all of its columns.

    Correlations of pairs, each on its own rows, would be quicker and wrong: what they leave out by chance does not
    cancel as it does in one table, so that n counts too much.

    Parameters
    ----------
    values : `[n, p]`, NaN where missing. weights : `[n]` frequencies, or None.
    """

    def __init__(self, values: Floats, weights: Floats | None = None) -> None:
        self.known = ~np.isnan(values)
        self.values = np.where(self.known, values, 0)
        self.weights = np.ones(len(values)) if weights is None else weights
        self.whole = self.known.all(axis=0)
        self.complete = FisherZ(*correlations(self.values, weights))

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P and |r|, `[c, t]` each; NaN where it cannot be told."""
        if self.whole.all():
            return self.complete.measured(i, sets, targets)
        p, r = (found.copy() for found in self.complete.measured(i, sets, targets))
        for at, given in enumerate(sets):
            here = np.flatnonzero(~self.whole[targets] | ~self.whole[[i, *given]].all())
            if len(here):
                p[at, here], r[at, here] = self._on_known_rows(i, given, targets[here])
        return p, r

    def _on_known_rows(self, i: int, given: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """Normal equations of i and of every target on the set, a table of moments for each target."""
        rows = self.known[:, [i, *given]].all(axis=1)
        held = np.column_stack([np.ones(int(rows.sum())), self.values[np.ix_(rows, given)]])
        own, other = self.values[rows, i], self.values[np.ix_(rows, targets)]
        seen = self.known[np.ix_(rows, targets)] * self.weights[rows, None]
        size = held.shape[1]
        within = (seen.T @ (held[:, :, None] * held[:, None, :]).reshape(len(held), -1)).reshape(-1, size, size)
        across = np.stack([seen.T @ (held * own[:, None]), (seen * other).T @ held], axis=2)
        count = seen.sum(axis=0)
        within += _RIDGE * np.maximum(count, 1)[:, None, None] * np.eye(size)
        fitted = across.swapaxes(1, 2) @ np.linalg.solve(within, across)
        whole = np.stack([seen.T @ own**2, (seen * own[:, None] * other).sum(axis=0), (seen * other**2).sum(axis=0)])
        a, both, b = whole - np.stack([fitted[:, 0, 0], fitted[:, 0, 1], fitted[:, 1, 1]])
        able = (a > 1e-8 * count) & (b > 1e-8 * count)
        r = np.where(able, np.abs(both) / np.sqrt(np.where(able, a * b, 1)), np.nan)
        return normal_p(r, count - len(given) - 3), r


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
