"""Derivation: the columns that the schema declares and the log does not have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import DataError, nearest
from causalkit.types import Dataset, Derivation, Split, adjustment_columns

__all__ = ["derive"]

Floats = npt.NDArray[np.float64]


def derive(dataset: Dataset, parted: Split) -> Dataset:
    """Compute the columns that the schema declares, from rows that are not held out.

    Where whole periods are held out, a held-out row's group rate is that of its own period: it serves
    no other row. Where rows are held out at random, no column reads them.

    Raises
    ------
    DataError : a derivation that names a missing column, group or time.
    """
    if not dataset.schema.derived:
        return dataset
    period = dataset.schema.need("time", "a derived column")
    cells = _Cells.of(dataset, period, parted)
    columns: dict[str, npt.NDArray[np.float32]] = {}
    for column in dataset.schema.derived:
        assert column.derive is not None
        for name, values in zip(adjustment_columns(column), cells.derive(column.derive), strict=True):
            columns[name] = cells.spread(values)
    return replace(dataset, interactions=dataset.interactions.with_columns(**columns))


@dataclass(frozen=True)
class _Cells:
    """Weighted sums per item × period, and where each row belongs."""

    dataset: Dataset
    item_at: npt.NDArray[np.int64]
    period_at: npt.NDArray[np.int64]
    periods: npt.NDArray[Any]
    held_out: npt.NDArray[np.bool_]
    """By period."""
    items: pd.Index
    read: npt.NDArray[np.bool_]
    """By row: whether sums count it."""

    @classmethod
    def of(cls, dataset: Dataset, period: str, parted: Split) -> _Cells:
        rows = dataset.interactions.frame([dataset.item, period])
        items = rows[dataset.item].astype("category")
        periods, at = np.unique(rows[period].to_numpy(), return_inverse=True)
        apart = list(parted.values("test", "transport"))
        held, read = np.zeros(len(periods), bool), np.ones(len(rows), bool)
        if parted.column == period:
            held = np.isin(periods, apart)
        elif apart:
            read = ~np.isin(dataset.interactions.frame([parted.column])[parted.column].to_numpy(), apart)
        codes = items.cat.codes.to_numpy(np.int64)
        return cls(dataset, codes, at, periods, held, pd.Index(items.cat.categories), read)

    def spread(self, values: Floats) -> npt.NDArray[np.float32]:
        """Cell values `[items, periods]` laid onto the rows."""
        return values.astype(np.float32)[self.item_at, self.period_at]

    def sums(self, name: str) -> tuple[Floats, Floats]:
        """Weighted sum of a column, and the weight, `[items, periods]`."""
        rows = self.dataset.interactions.frame([name] + ([self.dataset.weight] if self.dataset.weight else []))
        weight = self.dataset.weights(rows) * self.read
        shape = (len(self.items), len(self.periods))
        flat = self.item_at * shape[1] + self.period_at
        cells = shape[0] * shape[1]
        total = np.bincount(flat, weight * rows[name].to_numpy(np.float64), cells).astype(np.float64)
        return total.reshape(shape), np.bincount(flat, weight, cells).astype(np.float64).reshape(shape)

    def derive(self, plan: Derivation) -> list[Floats]:
        shape = (len(self.items), len(self.periods))
        if plan.how == "lag":
            return [self._lag(plan)]
        if plan.how == "group-rate":
            return [self._group_rate(plan)]
        if plan.how == "trend":
            centred = self.periods - (self.periods.min() + self.periods.max()) / 2
            return [np.broadcast_to(centred / max(float(np.abs(centred).max()), 1.0), shape)]
        angle = 2 * np.pi * self.periods / plan.periods
        waves = [f(h * angle) for h in range(1, plan.harmonics + 1) for f in (np.sin, np.cos)]
        return [np.broadcast_to(wave, shape) for wave in waves]

    def _lag(self, plan: Derivation) -> Floats:
        total, weight = self.sums(plan.of)
        lagged = np.full_like(total, np.nan)
        for t, now in enumerate(self.periods):
            old = np.flatnonzero((self.periods <= now - plan.periods) & ~self.held_out)[-plan.window :]
            if len(old):
                with np.errstate(invalid="ignore"):
                    lagged[:, t] = total[:, old].sum(1) / weight[:, old].sum(1)
        return self._filled(lagged)

    def _group_rate(self, plan: Derivation) -> Floats:
        if plan.group not in self.dataset.items.columns:
            known = list(self.dataset.items.columns)
            raise DataError(
                f"a group rate over {plan.group!r} needs that column in the items table{nearest(plan.group, known)}",
                f"It has {known}.",
            )
        total, weight = self.sums(plan.of)
        group = self.dataset.items[plan.group].reindex(self.items).astype("category").cat.codes.to_numpy()
        member = (group[:, None] == np.unique(group)[None, :]).astype(float)
        others = member @ (member.T @ total) - total
        base = member @ (member.T @ weight) - weight
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = np.where(base > 0, others / base, np.nan)
        return self._filled(rate)

    def _filled(self, cells: Floats) -> Floats:
        """Gaps filled with the item's mean over open periods, else the overall mean; 0 where nothing is known."""
        known = np.isfinite(cells)
        open_to_all = known & ~self.held_out
        count = open_to_all.sum(1, keepdims=True)
        clean_cells = np.where(open_to_all, cells, 0.0)
        overall = clean_cells.sum() / max(int(count.sum()), 1)
        mean = np.where(count > 0, clean_cells.sum(1, keepdims=True) / np.maximum(count, 1), overall)
        return np.where(known, cells, mean)
