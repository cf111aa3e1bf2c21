"""A log as one part per item: what a model of EconML is fitted on, and what may keep it from being fitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit import Context, Dataset, Estimand
from causalkit.errors import DataError
from causalkit.estimation import adjusted, codes_of, design, needed_columns, sound_rows, unit_codes

__all__ = ["Floats", "Ints", "Part", "parts_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """One item's rows.

    `unit` is each row's assignment unit `[n]` (the row itself where the log declares none), `w`, `t`, `y` weight,
    exposure and outcome, `x` the adjustment columns that vary within the item, standardised `[n, d]`. Where nothing
    is left to adjust for, `x` is one column of zeros, which EconML asks for.
    """

    code: int
    unit: Ints
    w: Floats
    t: Floats
    y: Floats
    x: Floats
    seed: int

    def units(self) -> tuple[int, int]:
        """Units mostly exposed, and mostly not."""
        exposed = np.bincount(self.unit, self.w * (2 * self.t - 1)) > 0
        return int(exposed.sum()), int((~exposed).sum())

    def splits(self, folds: int) -> list[tuple[Ints, Ints]]:
        """Training and held-out rows of each fold: units of either arm are dealt in turn, each to one fold."""
        mostly = np.bincount(self.unit, self.w * (2 * self.t - 1)) > 0
        order = np.random.default_rng(self.seed).permutation(len(mostly))
        place = np.empty(len(mostly), np.int64)
        place[order[np.argsort(mostly[order], kind="stable")]] = np.arange(len(mostly))
        fold = place[self.unit] % max(2, min(folds, *self.units()))
        return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(fold.max() + 1)]


def parts_of(dataset: Dataset, estimand: Estimand, context: Context, most: int) -> tuple[list[Part], str]:
    """A part for each item with rows, in the order of `dataset.items`, and what a unit is called.

    A row whose weight is a whole number n is taken as n rows, where an item has at most `most` of them then, or where
    rows are independent.

    Raises
    ------
    DataError : rows that cannot be read, or none at all.
    """
    names = adjusted(dataset, estimand)
    columns = needed_columns(dataset, estimand, *dataset.unit_within_item, *names)
    rows = sound_rows(dataset.interactions.frame(columns), dataset, estimand)
    item = codes_of(rows[dataset.item], dataset.items.index)
    rows, item = rows[item >= 0], item[item >= 0]
    if not len(rows):
        raise DataError("there are no rows to estimate effects from", "Check the split and the population.")
    unit = unit_codes(rows, dataset.unit_within_item)[0] if dataset.unit else np.arange(len(rows))
    x = design(dataset, rows, names)
    found = list(_parts(dataset, estimand, rows, (item, unit, x), context, most))
    return found, " × ".join(dataset.unit_within_item) or ("item" if dataset.unit else "row")


def _parts(
    dataset: Dataset,
    estimand: Estimand,
    rows: pd.DataFrame,
    read: tuple[Ints, Ints, Floats],
    context: Context,
    most: int,
) -> Iterator[Part]:
    item, unit, x = read
    t, y = (rows[name].to_numpy(float) for name in (estimand.treatment, estimand.outcome))
    w = dataset.weights(rows)
    ids = [pd.factorize(rows[name].astype(str), sort=True)[0] for name in dataset.unit_within_item]
    order = np.lexsort((*x.T, y, t, *ids, item))  # rows in another order are dealt to the same folds
    for here in np.split(order, np.flatnonzero(np.diff(item[order])) + 1):
        code = int(item[here[0]])
        here, weight = _each(here, w[here], dataset, most)
        place = np.arange(len(here)) if not dataset.unit else pd.factorize(unit[here])[0].astype(np.int64)
        seed = context.seed(f"econml {dataset.items.index[code]}") % 2**31
        yield Part(code, place, weight, t[here], y[here], _standardised(x[here], weight), seed)


def _each(here: Ints, weight: Floats, dataset: Dataset, most: int) -> tuple[Ints, Floats]:
    """A row of weight n as n rows of weight 1; weights that are no whole numbers stay weights."""
    too_many = bool(dataset.unit) and weight.sum() > most
    if dataset.weight is None or too_many or not np.array_equal(weight, np.rint(weight)):
        return here, weight
    again = np.repeat(here, weight.astype(np.int64))
    return again, np.ones(len(again))


def _standardised(x: Floats, w: Floats) -> Floats:
    """Columns that vary, centred, of spread 1; one of zeros where none does."""
    mean = np.average(x, axis=0, weights=w)
    spread = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=w))
    varies = spread > 1e-9 * (1 + np.abs(mean))
    return (x - mean)[:, varies] / spread[varies] if varies.any() else np.zeros((len(x), 1))


def counts(parts: list[Part], items: int) -> tuple[Any, Any]:
    """Exposed and unexposed units of each item `[items]`; zeros for items without rows."""
    treated, control = np.zeros(items, np.int64), np.zeros(items, np.int64)
    for part in parts:
        treated[part.code], control[part.code] = part.units()
    return treated, control
