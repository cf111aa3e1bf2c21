"""Sums by cell and assignment unit, and the contrast of two arms with clustered errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.estimation import codes_of, sound_rows
from causalkit.reduction import NextRound, State
from causalkit.types import Dataset, Estimand

from ._unit_groups import Dealt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_SUMS = 6  # exposed n, y, y²; unexposed n, y, y²


@dataclass(frozen=True)
class UnitSums:
    """Weighted n, Σy and Σy² of exposed (columns 0–2) and unexposed rows (3–5), by cell and unit."""

    cell: Ints
    unit: Ints
    sums: Floats

    def by_unit_of(self, cell: Ints) -> UnitSums:
        """The same sums with cells merged into the coarser `cell`."""
        unit_count = int(self.unit.max(initial=0)) + 1
        keys, place = np.unique(cell * unit_count + self.unit, return_inverse=True)
        return UnitSums(keys // unit_count, keys % unit_count, summed(place, self.sums, len(keys)))


@dataclass(frozen=True)
class CellSums:
    """A reduction (section 5 of the design): rows to `UnitSums`.

    `cells` gives the known values of each column that makes a cell, `units` of each that makes a
    unit; the codes of a cell and a unit are mixed-radix numbers over them. `dealt` takes the place of
    `units` where there are too many of them.
    """

    dataset: Dataset
    estimand: Estimand
    cells: Mapping[str, pd.Index]
    units: Mapping[str, pd.Index]
    dealt: Dealt | None = None

    def init(self, broadcast: State) -> State:
        """No cells yet."""
        return State({"key": np.empty(0, np.int64), "sums": np.empty((0, _SUMS))})

    def update(self, state: State, part: pd.DataFrame) -> State:
        """Add the rows of one part."""
        rows = sound_rows(part, self.dataset, self.estimand)
        key = np.zeros(len(rows), np.int64)
        known = np.ones(len(rows), bool)
        for name, index in [*self.cells.items(), *self.units.items()]:
            code = codes_of(rows[name], index)
            known &= code >= 0
            key = key * len(index) + code
        if self.dealt is not None:
            key = key * self.dealt.count + self.dealt(rows)
        w = self.dataset.weights(rows)
        t = rows[self.estimand.treatment].to_numpy(float)
        y = rows[self.estimand.outcome].to_numpy(float)
        arms = np.stack([w * t, w * t * y, w * t * y * y, w * (1 - t), w * (1 - t) * y, w * (1 - t) * y * y], 1)
        return self.merge(state, _gathered(key[known], arms[known]))

    def merge(self, a: State, b: State) -> State:
        """Cells of both."""
        return _gathered(
            np.concatenate([a.arrays["key"], b.arrays["key"]]), np.concatenate([a.arrays["sums"], b.arrays["sums"]])
        )

    def finalize(self, state: State) -> UnitSums | NextRound:
        """Codes taken apart into cell and unit."""
        count = int(np.prod([len(index) for index in self.units.values()], dtype=np.int64))
        count = count if self.dealt is None else self.dealt.count
        key = state.arrays["key"]
        return UnitSums(key // count, key % count, state.arrays["sums"])


def _gathered(key: Ints, sums: Floats) -> State:
    keys, place = np.unique(key, return_inverse=True)
    return State({"key": keys, "sums": summed(place, sums, len(keys))})


def summed(place: Ints, values: Floats, count: int) -> Floats:
    """Sums of the rows of `values` `[n, c]` by `place`, `[count, c]`."""
    out = np.empty((count, values.shape[1]))
    for column in range(values.shape[1]):
        out[:, column] = np.bincount(place, values[:, column], count)
    return out


@dataclass(frozen=True)
class Contrast:
    """Exposed minus unexposed mean per cell, `[cells]`, with what its error rests on."""

    effect: Floats
    stderr: Floats
    df: Floats
    baseline: Floats
    treated: Ints
    control: Ints
    ess: Floats


def contrast(data: UnitSums, cells: int, *, clustered: bool, dealt: bool = False) -> Contrast:
    """Difference of weighted means per cell.

    Clustered errors sum the scores of each unit (Liang & Zeger 1986) with the correction
    G/(G-1) per arm and Satterthwaite's degrees of freedom; otherwise rows are independent, a
    weight being that many of them. NaN where an arm has fewer than two units (or rows). A unit counts as
    exposed where most of its rows are; where units were `dealt` to groups, a group counts in each arm it has.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        total = summed(data.cell, data.sums, cells)
        n1, y1, n0, y0 = total[:, 0], total[:, 1], total[:, 3], total[:, 4]
        mean1, mean0 = y1 / n1, y0 / n0
        if clustered:
            variances, units = _clustered(data, n1, n0, mean1, mean0, cells)
        else:
            units = (n1, n0)
            spread1 = np.maximum(total[:, 2] / n1 - mean1**2, 0)
            spread0 = np.maximum(total[:, 5] / n0 - mean0**2, 0)
            variances = (spread1 / (n1 - 1), spread0 / (n0 - 1), np.zeros(cells))
        v1, v0, cross = variances
        variance = np.where((units[0] > 1) & (units[1] > 1), v1 + v0 + cross, np.nan)
        df = (v1 + v0) ** 2 / (v1**2 / (units[0] - 1) + v0**2 / (units[1] - 1))
        df = np.where(np.isfinite(df), np.maximum(df, 1), np.inf)
        treated, control, ess = _unit_counts(data, cells) if clustered else (n1, n0, n1 + n0)
        if dealt:
            treated, control = units
    return Contrast(
        mean1 - mean0,
        np.sqrt(np.maximum(variance, 0)),
        df,
        mean0,
        np.rint(treated).astype(np.int64),
        np.rint(control).astype(np.int64),
        ess,
    )


def _clustered(
    data: UnitSums, n1: Floats, n0: Floats, mean1: Floats, mean0: Floats, cells: int
) -> tuple[tuple[Floats, Floats, Floats], tuple[Floats, Floats]]:
    score1, score0 = unit_scores(data, n1, n0, mean1, mean0)
    g1 = np.bincount(data.cell, data.sums[:, 0] > 0, cells)
    g0 = np.bincount(data.cell, data.sums[:, 3] > 0, cells)
    v1 = np.bincount(data.cell, score1**2, cells) * g1 / (g1 - 1)
    v0 = np.bincount(data.cell, score0**2, cells) * g0 / (g0 - 1)
    return (v1, v0, -2 * np.bincount(data.cell, score1 * score0, cells)), (g1, g0)


def unit_scores(data: UnitSums, n1: Floats, n0: Floats, mean1: Floats, mean0: Floats) -> tuple[Floats, Floats]:
    """Each unit's part in the error of its cell's two means."""
    s, at = data.sums, data.cell
    score1 = np.where(s[:, 0] > 0, (s[:, 1] - s[:, 0] * mean1[at]) / n1[at], 0)
    score0 = np.where(s[:, 3] > 0, (s[:, 4] - s[:, 3] * mean0[at]) / n0[at], 0)
    return score1, score0


def _unit_counts(data: UnitSums, cells: int) -> tuple[Floats, Floats, Floats]:
    """Units mostly exposed and mostly not, and the effective number of units."""
    exposed = data.sums[:, 0] > data.sums[:, 3]
    counts = [np.bincount(data.cell, side, cells) for side in (exposed, ~exposed)]
    shares = []
    for column, having in ((0, data.sums[:, 0] > 0), (3, data.sums[:, 3] > 0)):
        n = data.sums[:, column]
        kish = np.bincount(data.cell, n, cells) ** 2 / np.bincount(data.cell, n * n, cells)
        shares.append(kish / np.bincount(data.cell, having, cells))
    ess = (counts[0] + counts[1]) * np.minimum(*shares)
    return counts[0], counts[1], np.where(np.isfinite(ess), ess, 0.0)
