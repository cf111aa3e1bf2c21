"""What refuters share: refits of the estimator under another exposure, and what they read together.

An estimator that offers `cells(dataset, estimand)`, `fit_cells(cells, beside)` and `pooled_cells` (as
`panel` does) is refitted on its cells in milliseconds; of any other a clone is fitted to altered rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context, Estimator, clone
from causalkit.estimation import unit_codes
from causalkit.statistics import benjamini_hochberg, t_interval
from causalkit.types import Column, Dataset, Estimand, Table

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """One refit: a table by item (`estimate`, `stderr`, `p`, `df`) and the pooled reading with its df."""

    item: pd.DataFrame
    effect: float
    stderr: float
    df: float = np.inf

    def over(self, items: pd.Index[Any] | None) -> Fitted:
        """The same with the table's other items left out."""
        return self if items is None else replace(self, item=self.item.reindex(items))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the pooled reading."""
        lower, upper = t_interval(self.effect, self.stderr, self.df)
        return float(lower), float(upper)


def unwrapped(estimator: Estimator) -> Any:
    """The estimator whose raw effects others share (its `of`, as deep as it goes)."""
    inner: Any = estimator
    while hasattr(inner, "of") and not isinstance(inner.of, str):
        inner = inner.of
    return inner


def has_cells(estimator: Any) -> bool:
    """Whether it can be refitted on cells."""
    return all(callable(getattr(estimator, name, None)) for name in ("cells", "fit_cells", "pooled_cells"))


def estimated_items(estimator: Estimator) -> pd.Index[Any] | None:
    """Items that have an effect of their own to refute; None where that is not known."""
    effects = getattr(estimator, "effects_", None)
    return None if effects is None else effects.item.index[effects.item["raw"].notna()]


def of_cells(items: pd.Index[Any], found: Any) -> Fitted:
    """`Fitted` of what `fit_cells` gave."""
    effect, stderr, df, _ = found.pooled()
    columns = {"estimate": found.effect, "stderr": found.stderr, "p": found.p, "df": found.df}
    table = pd.DataFrame(columns, index=items)
    return Fitted(table, effect, stderr, df)


def refit(estimator: Any, dataset: Dataset, estimand: Estimand, context: Context) -> Fitted:
    """`Fitted` of a clone fitted to an altered log."""
    effects = clone(estimator).fit(dataset, estimand, context=context).effects_
    columns = {"raw": "estimate", "raw_stderr": "stderr", "p": "p"}
    table = effects.item[list(columns)].rename(columns=columns).astype(float)
    table["df"] = effects.item.get("df", np.inf)
    if effects.pooled is not None:
        return Fitted(table, effects.pooled.effect, effects.pooled.stderr)
    known = table["estimate"].dropna()
    stderr = float(known.std() / np.sqrt(len(known))) if len(known) > 1 else np.nan
    return Fitted(table, float(known.mean()) if len(known) else np.nan, stderr, max(len(known) - 1, 1))


def discoveries(p: npt.ArrayLike) -> int:
    """Items with Benjamini–Hochberg q < .05."""
    q = benjamini_hochberg(p)
    return int((q[np.isfinite(q)] < 0.05).sum())


def counts(fits: Sequence[Fitted]) -> tuple[float, float, float]:
    """Mean over refits of: items with p < .05, items with a p, and discoveries."""
    p = [fit.item["p"].to_numpy(float) for fit in fits]
    rejected = np.mean([(one < 0.05).sum() for one in p])
    tested = np.mean([np.isfinite(one).sum() for one in p])
    return float(rejected), float(tested), float(np.mean([discoveries(one) for one in p]))


def spread(fits: Sequence[Fitted]) -> tuple[float, float, float]:
    """Mean pooled reading over refits, and the limits within which 95 % of them are expected."""
    values = np.array([fit.effect for fit in fits])
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return np.nan, np.nan, np.nan
    if len(values) < 3:
        return fits[0].effect, *fits[0].interval
    lower, upper = t_interval(values.mean(), values.std(ddof=1), len(values) - 1)
    return float(values.mean()), float(lower), float(upper)


@dataclass(frozen=True)
class Calendar:
    """Who was exposed when: `exposed` `[units, periods]` is 1, 0, or -1 where the log has no row.

    A unit is a combination of the assignment unit's columns other than the period, in order of its ids. A log
    without time has one period, and where it declares no assignment unit either, each row is a unit.
    """

    dataset: Dataset
    unit: npt.NDArray[np.int64]
    period: npt.NDArray[np.int64]
    item_of_unit: npt.NDArray[np.int64]
    periods: npt.NDArray[Any]
    exposed: npt.NDArray[np.int8]

    @classmethod
    def of(cls, dataset: Dataset, estimand: Estimand) -> Calendar:
        """Read from the rows; a unit's period counts as exposed when more than half its weight is."""
        time = dataset.period
        names = [name for name in dataset.schema.assignment if name != time]
        if not names and time:
            names = [name for name in (dataset.user, dataset.segment) if name][:1]
        more = [name for name in (time, dataset.weight) if name]
        rows = dataset.interactions.frame(list(dict.fromkeys([dataset.item, *names, estimand.treatment, *more])))
        unit = unit_codes(rows, list(dict.fromkeys([dataset.item, *names])))[0]
        if not (time or dataset.schema.assignment):
            unit = np.arange(len(rows))
        periods, period = np.unique(rows[time].to_numpy() if time else np.zeros(len(rows)), return_inverse=True)
        shape = (int(unit.max(initial=-1)) + 1, len(periods))
        flat, weight = unit * shape[1] + period, dataset.weights(rows)
        total = np.bincount(flat, weight, shape[0] * shape[1])
        one = np.bincount(flat, weight * rows[estimand.treatment].to_numpy(float), len(total))
        exposed = np.where(total > 0, one > 0.5 * total, -1).astype(np.int8).reshape(shape)
        item = unit_codes(rows, [dataset.item])[0]
        item_of = np.zeros(shape[0], np.int64)
        item_of[unit] = item
        return cls(dataset, unit, period.astype(np.int64), item_of, periods, exposed)

    def altered(self, exposed: npt.NDArray[np.int8], estimand: Estimand, now: str = "") -> tuple[Dataset, Estimand]:
        """The log under another calendar, rows without one left out; the true exposure joins as `now`."""
        value = exposed[self.unit, self.period]
        rows = self.dataset.interactions.frame()
        columns: dict[str, Any] = {estimand.treatment: value}
        schema = self.dataset.schema
        if now:
            columns[now] = rows[estimand.treatment].to_numpy(float)
            schema = schema.with_columns([Column(now, "covariate", description="exposure as it was")])
            estimand = replace(estimand, adjustment=(*estimand.adjustment, now))
        table = Table(rows.assign(**columns)[value >= 0])
        return replace(self.dataset, interactions=table, schema=schema), estimand
