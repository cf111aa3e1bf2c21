"""What is left of a column when others are held fixed: by a line, by strata, or by a logistic curve."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from causalkit_plugins.discoverers._batches import Bools, Floats, Ints

_ROWS_A_STRATUM = 10
"""Strata are used where there are, on average, at least as many rows in one."""
_STEPS, _RIDGE = 25, 1e-4
_KEPT_BYTES = 2.0e8
"""Residuals kept at once, those of the latest sets."""


@dataclass(frozen=True)
class Cells:
    """Columns at one level: a row per unit.

    Parameters
    ----------
    values : `[n, q]`, standardised; NaN where missing. A category has a column for each level but the commonest.
    blocks : for each variable, its columns of `values`.
    codes : for each variable, its category of each row; None where it is a number.
    weights : `[n]` frequencies; None where each row is one.
    always : categories that are held fixed in all that is regressed.
    """

    values: Floats
    blocks: list[Ints]
    codes: list[Ints | None]
    weights: Floats | None = None
    always: tuple[Ints, ...] = ()


class Residuals:
    """Residuals of the variables of a table, given sets of others.

    A number given others: least squares. A category: each level's share within strata where only categories
    are given and rows are many, else its probability by logistic regression.
    """

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self.weights = np.ones(len(cells.values)) if cells.weights is None else cells.weights
        self.always = [np.asarray(c[:, None] == np.arange(1, c.max() + 1), float) for c in cells.always]
        self.targets = [self._target(v) for v in range(len(cells.blocks))]
        self.kept: OrderedDict[tuple[int, ...], Floats] = OrderedDict()

    def __call__(self, variable: int, given: Ints) -> Floats:
        """`[n, levels]`, a column for a number or two levels; NaN where anything is missing."""
        key = (variable, *sorted(int(v) for v in given))
        if key not in self.kept:
            self.kept[key] = self._left(variable, np.array(key[1:], np.intp))
        self.kept.move_to_end(key)
        while len(self.kept) > 2 and sum(r.nbytes for r in self.kept.values()) > _KEPT_BYTES:
            self.kept.popitem(last=False)
        return self.kept[key]

    def _target(self, variable: int) -> Floats:
        codes = self.cells.codes[variable]
        if codes is None or codes.max(initial=0) < 2:
            return self.cells.values[:, self.cells.blocks[variable]]
        shown = np.asarray(codes[:, None] == np.arange(codes.max() + 1), float)
        shown[np.isnan(self.cells.values[:, self.cells.blocks[variable]]).any(axis=1)] = np.nan
        return shown

    def _left(self, variable: int, given: Ints) -> Floats:
        target = self.targets[variable]
        blocks = [self.cells.values[:, self.cells.blocks[v]] for v in given]
        design = np.hstack([np.empty((len(target), 0)), *blocks, *self.always])
        known = ~np.isnan(target).any(axis=1) & ~np.isnan(design).any(axis=1)
        left = np.full(target.shape, np.nan)
        y, x, w = target[known], design[known], self.weights[known]
        if not len(y):
            return left
        held = [*(self.cells.codes[v] for v in given), *self.cells.always]
        strata = _strata([codes[known] for codes in held if codes is not None], len(y))
        if self.cells.codes[variable] is None or not held:
            left[known] = y - _linear(x, y, w)
        elif all(codes is not None for codes in held) and strata.max() + 1 <= len(y) / _ROWS_A_STRATUM:
            left[known] = y - _share(strata, y, w)
        else:
            left[known] = y - _logistic(self._bent(x, given, known) if y.shape[1] > 1 else x, y, w)
        return left

    def _bent(self, x: Floats, given: Ints, known: Bools) -> Floats:
        """With the squares of numbers: the share of a middle level may rise and then fall."""
        numbers = [self.cells.values[known][:, self.cells.blocks[v]] for v in given if self.cells.codes[v] is None]
        return np.hstack([x, *(np.clip(values, -5, 5) ** 2 - 1 for values in numbers)])


def _strata(codes: list[Ints], rows: int) -> Ints:
    stratum = np.zeros(rows, np.intp)
    for column in codes:
        stratum = np.unique(stratum * (int(column.max()) + 1) + column, return_inverse=True)[1]
    return stratum


def _share(strata: Ints, y: Floats, w: Floats) -> Floats:
    total = np.bincount(strata, w)
    return np.column_stack([(np.bincount(strata, w * column) / total)[strata] for column in y.T])


def _linear(x: Floats, y: Floats, w: Floats) -> Floats:
    design = np.column_stack([np.ones(len(x)), x])
    weighted = design * w[:, None]
    gram = design.T @ weighted + 1e-10 * w.sum() * np.eye(design.shape[1])
    return np.asarray(design @ np.linalg.solve(gram, weighted.T @ y))


def _logistic(x: Floats, y: Floats, w: Floats) -> Floats:
    """Probabilities of each column of `y` being its higher value, by Newton's steps on a slightly ridged likelihood."""
    design = np.column_stack([np.ones(len(x)), x])
    low, high = y.min(axis=0), y.max(axis=0)
    fitted = np.empty(y.shape)
    for at, column in enumerate(y.T):
        span = high[at] - low[at]
        chosen = (column - low[at]) / span if span > 0 else np.zeros(len(column))
        fitted[:, at] = low[at] + span * _probability(design, chosen, w)
    return fitted


def _probability(design: Floats, chosen: Floats, w: Floats) -> Floats:
    ridge = _RIDGE * w.sum() * np.eye(design.shape[1])
    ridge[0, 0] = 1e-9
    beta = np.zeros(design.shape[1])
    p = np.full(len(chosen), 0.5)
    for _ in range(_STEPS):
        slope = design.T @ (w * (chosen - p)) - ridge @ beta
        curve = (design * (w * p * (1 - p))[:, None]).T @ design + ridge
        step = np.linalg.solve(curve + 1e-9 * np.eye(len(beta)), slope)
        beta += step / max(1.0, float(np.abs(step).max()) / 3)
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        if np.abs(step).max() < 1e-6:
            break
    return np.asarray(p)
