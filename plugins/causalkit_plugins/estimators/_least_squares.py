"""Least squares of every item at once, as a reduction of two rounds: cross products, then scores.

Axes: I items, G groups of assignment units, K adjustment columns. Nothing grows with rows or units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.estimation import codes_of, sound_rows
from causalkit.reduction import NextRound, State
from causalkit.types import Dataset, Estimand

from ._gram import TOLERANCE, Moments, Partial
from ._terms import Term
from ._unit_groups import UnitHash, group_count, groups_of, seen, seen_by_both

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_SUMS = 10  # arrays `[I, G]` that `Found` has


@dataclass(frozen=True)
class Sums:
    """Sums `[I, G]` over rows of the treatment's residual t̃ and the outcome's residual r.

    Parameters
    ----------
    left, residual : of t̃ and of r.
    mass : of t̃²; of t̃⁴ where rows are independent.
    score : of t̃ r; of its square, r over 1 - leverage (HC3), where rows are independent: NaN where a row
        has leverage 1, so that nothing else says what r there could have been.
    """

    left: Floats
    residual: Floats
    mass: Floats
    score: Floats


@dataclass(frozen=True)
class Found:
    """The regression of each item, with and without adjustment.

    Parameters
    ----------
    moments : means and cross products of treatment, adjustment and outcome.
    partial : what adjustment leaves.
    exposed, unexposed : `[I, G]` weight of rows by group; G is 1 where rows are independent.
    adjusted, bare : sums over rows by group, with and without adjustment.
    exact : every assignment unit is a group of its own.
    """

    moments: Moments
    partial: Partial
    exposed: Floats
    unexposed: Floats
    adjusted: Sums
    bare: Sums
    exact: bool


@dataclass(frozen=True)
class LeastSquares:
    """The reduction (section 5 of the design).

    The first round finds each item's cross products and the assignment units, up to `groups`. The
    second finds residuals, and sums their scores by item and group of units. `units` is None where
    rows are independent: squares of scores are summed instead, residuals over 1 - leverage.
    """

    dataset: Dataset
    estimand: Estimand
    items: pd.Index
    terms: tuple[Term, ...]
    units: UnitHash | None
    groups: int

    def init(self, broadcast: State) -> State:
        """Nothing gathered in either round; in the second, what the first found."""
        if broadcast.arrays:
            groups = group_count(broadcast.arrays["units"], self.groups)
            return State({**broadcast.arrays, "sums": np.zeros((_SUMS, len(self.items) * groups))})
        empty = Moments.none(len(self.items), len(self.terms) + 2)
        return State({**vars(empty), "units": np.empty(0, np.uint64)})

    def update(self, state: State, part: pd.DataFrame) -> State:
        """The state with the rows of one part added."""
        rows = sound_rows(part, self.dataset, self.estimand)
        item = codes_of(rows[self.dataset.item], self.items)
        if (item < 0).any():
            rows, item = rows[item >= 0], item[item >= 0]
        w = self.dataset.weights(rows)
        t, y = (rows[name].to_numpy(np.float64) for name in (self.estimand.treatment, self.estimand.outcome))
        columns = [t, *(term.values(rows) for term in self.terms), y]
        hashes = np.zeros(len(rows), np.uint64) if self.units is None else self.units(rows)
        if _is_second(state):
            added = self._sums(_Rows(item, w, columns), hashes, state)
            return State({**state.arrays, "sums": state.arrays["sums"] + added})
        found = Moments.of(item, w, columns, len(self.items))
        return self.merge(state, State({**vars(found), "units": seen(hashes, self.groups)}))

    def merge(self, a: State, b: State) -> State:
        """Both together."""
        if _is_second(a):
            return State({**a.arrays, "sums": a.arrays["sums"] + b.arrays["sums"]})
        units = seen_by_both(a.arrays["units"], b.arrays["units"], self.groups)
        return State({**vars(_moments(a).joined(_moments(b))), "units": units})

    def finalize(self, state: State) -> Found | NextRound:
        """The second round's broadcast, then what was found."""
        moments = _moments(state)
        if not _is_second(state):
            return NextRound(State({**state.arrays, **vars(Partial.of(moments))}))
        sums = state.arrays["sums"].reshape(_SUMS, len(self.items), -1)
        exact = len(state.arrays["units"]) <= self.groups
        return Found(moments, _partial(state), sums[0], sums[1], Sums(*sums[2:6]), Sums(*sums[6:]), exact)

    def _sums(self, rows: _Rows, hashes: npt.NDArray[np.uint64], state: State) -> Floats:
        """What `Found` has of some rows, `[10, I × G]`."""
        units = state.arrays["units"]
        count = group_count(units, self.groups)
        cell = rows.item * count + groups_of(hashes, units, self.groups)
        exposed = rows.w * rows.columns[0]
        t, x, y = rows.around(_moments(state))
        values = [exposed, rows.w - exposed]
        bare = Partial.of(_moments(state).without_adjustment())
        for fit, adjustment in ((_partial(state), x), (bare, [])):
            left, residual = _residuals(fit, rows.item, t, adjustment, y)
            if self.units is None:
                leverage = _leverage(fit, rows.item, left, adjustment) + 1 / state.arrays["n"][rows.item]
                alone = np.where(left**2 > TOLERANCE * fit.left[rows.item], np.nan, 0.0)
                residual = np.divide(residual, 1 - leverage, out=alone, where=leverage < 1 - 1e-9)
            mass, score = left**2, left * residual
            if self.units is None:
                mass, score = mass**2, score**2
            values += [rows.w * value for value in (left, residual, mass, score)]
        sums = np.empty((_SUMS, len(self.items) * count))
        for total, value in zip(sums, values, strict=True):
            total[:] = np.bincount(cell, value, len(total))
        return sums


@dataclass(frozen=True)
class _Rows:
    """Item codes, weights, and columns: treatment, adjustment, outcome."""

    item: Ints
    w: Floats
    columns: Sequence[Floats]

    def around(self, moments: Moments) -> tuple[Floats, list[Floats], Floats]:
        """Treatment, adjustment and outcome, centred on their item's mean."""
        t, *x, y = (column - moments.mean[self.item, q] for q, column in enumerate(self.columns))
        return t, x, y


def _is_second(state: State) -> bool:
    return "left" in state.arrays


def _moments(state: State) -> Moments:
    return Moments(**{name: state.arrays[name] for name in ("n", "mean", "cross")})


def _partial(state: State) -> Partial:
    return Partial(**{field.name: state.arrays[field.name] for field in fields(Partial)})


def _residuals(fit: Partial, item: Ints, t: Floats, x: Sequence[Floats], y: Floats) -> tuple[Floats, Floats]:
    """What adjustment leaves of the treatment, and what both leave of the outcome."""
    for k, column in enumerate(x):
        t = t - column * fit.on_treatment[item, k]
        y = y - column * fit.on_outcome[item, k]
    return t, y - np.nan_to_num(fit.effect)[item] * t


def _leverage(fit: Partial, item: Ints, left: Floats, x: Sequence[Floats]) -> Floats:
    """The part of a row's leverage that is not its item's intercept's."""
    squares = left**2 / np.where(fit.left > 0, fit.left, np.inf)[item]
    for j in range(len(x)):
        squares += sum(column * fit.root[item, k, j] for k, column in enumerate(x)) ** 2
    return squares
