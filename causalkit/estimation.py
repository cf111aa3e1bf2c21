"""What every estimator needs, built in or not: rows that are sound, ids as codes, the finished item table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import DataError, nearest
from causalkit.statistics import benjamini_hochberg, e_value, t_interval, two_sided_p
from causalkit.types import ITEM_COLUMNS, Dataset, Estimand, Pooled, Table, adjustment_columns

__all__ = [
    "Units",
    "adjusted",
    "arm_means",
    "bare",
    "codes_of",
    "design",
    "item_table",
    "levels_of",
    "needed_columns",
    "plain_reason",
    "pooled_of",
    "ranks",
    "sound_rows",
    "unit_codes",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def codes_of(column: pd.Series[Any], index: pd.Index[Any]) -> Ints:
    """Each value's place in `index`, -1 where it is not there; fast for categoricals."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        place = np.append(index.get_indexer(column.cat.categories), -1)
        return np.asarray(place[column.cat.codes.to_numpy()], np.int64)
    return np.asarray(index.get_indexer(pd.Index(column)), np.int64)


def unit_codes(rows: pd.DataFrame, names: Sequence[str]) -> tuple[Ints, int]:
    """Codes 0 … n-1 of the combinations of columns `names` that occur, in order of their values, and n.

    What is dealt or drawn by these codes does not depend on the order of rows.
    """
    combined = np.zeros(len(rows), np.int64)
    for name in names:
        codes, found = pd.factorize(rows[name], sort=False)
        place = np.append(ranks(pd.Index(np.asarray(found))), -1)[codes]
        combined = pd.factorize(combined * (len(found) + 1) + place + 1, sort=True)[0].astype(np.int64)
    return combined, int(combined.max(initial=-1)) + 1


@dataclass(frozen=True)
class Units:
    """What is independent in a log: the units that its rows belong to.

    Parameters
    ----------
    code : each row's unit, 0 …, `[rows]`.
    each : how many units a row's unit stands for, `[rows]`: one, or the row's weight where rows are the units.
    """

    code: Ints
    each: Floats

    @classmethod
    def of(cls, rows: pd.DataFrame, dataset: Dataset) -> Units:
        """Assignment units within items; rows themselves where the log declares no unit."""
        if not dataset.unit:
            return cls(np.arange(len(rows)), dataset.weights(rows))
        return cls(unit_codes(rows, [dataset.item, *dataset.unit])[0], np.ones(len(rows)))

    def by_arm(self, group: Ints, arm: Ints, groups: int) -> Floats:
        """Units with unexposed and with exposed rows in each group, `[groups, 2]`."""
        cell = 2 * group + arm
        first, _ = self._within(cell)
        return _sums(cell[first], self.each[first], 2 * groups).reshape(groups, 2)

    def variance(self, pull: Floats, group: Ints, groups: int) -> Floats:
        """Variance of each group's estimate: rows' pulls on it, summed within units, squared and summed, `[groups]`.

        Liang & Zeger 1986, Biometrika 73, without a correction for few units. A row's pull on a weighted mean is its
        weight times its distance from that mean, over the mean's weight; a mean that is subtracted pulls the other way.
        """
        first, place = self._within(group)
        return _sums(group[first], _sums(place, pull, len(first)) ** 2 / self.each[first], groups)

    def _within(self, group: Ints) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """The first row of each unit in each group, and each row's place among those."""
        key = group * (int(self.code.max(initial=0)) + 1) + self.code
        _, first, place = np.unique(key, return_index=True, return_inverse=True)
        return first, place


def arm_means(group: Ints, arm: Ints, outcome: Floats, weight: Floats, groups: int) -> tuple[Floats, Floats]:
    """Mean outcome and weight of each group's unexposed and exposed rows, both `[groups, 2]`; NaN without rows."""
    cell = 2 * group + arm
    mass, total = (_sums(cell, part, 2 * groups).reshape(groups, 2) for part in (weight, weight * outcome))
    return np.divide(total, mass, out=np.full((groups, 2), np.nan), where=mass > 0), mass


def _sums(place: npt.NDArray[np.integer[Any]], values: Floats, count: int) -> Floats:
    return np.asarray(np.bincount(place, values, count), float)


def bare(dataset: Dataset) -> Dataset:
    """The dataset without its rows, users and attributes: light to send to workers, with every part."""
    nothing = Table(pd.DataFrame())
    return replace(
        dataset, interactions=nothing, items=dataset.items[[]], users=pd.DataFrame(), pair_segment=None, truth=None
    )


def needed_columns(dataset: Dataset, estimand: Estimand, *more: str | None) -> list[str]:
    """Columns of the log that an estimator reads: item, treatment, outcome, weight, `only`, and `more`."""
    only = estimand.only[0] if estimand.only else None
    names = [dataset.item, estimand.treatment, estimand.outcome, dataset.weight, only, *more]
    return list(dict.fromkeys(name for name in names if name))


def adjusted(dataset: Dataset, estimand: Estimand) -> tuple[str, ...]:
    """The columns of the log's rows that stand for the estimand's adjustment set.

    What only the item table has is constant within an item, cannot confound its effect, and drops out.
    Raises `DataError` for a name that neither has.
    """
    present = dataset.interactions.columns
    names: list[str] = []
    for asked in estimand.adjustment:
        known = asked not in present and asked in dataset.schema
        names += adjustment_columns(dataset.schema[asked]) if known else [asked]
    for name in names:
        if name not in present and name not in dataset.items.columns:
            raise DataError(
                f"the log has no column {name!r} to adjust for{nearest(name, present)}",
                f"Its rows have {list(present)}.",
            )
    return tuple(dict.fromkeys(name for name in names if name in present))


def design(dataset: Dataset, rows: pd.DataFrame, names: Sequence[str]) -> Floats:
    """Adjustment columns as numbers `[rows, d]`: categories become 0/1 columns, the first left out.

    Raises
    ------
    DataError : a value that is missing or infinite, or a column that is neither number nor category.
    """
    columns: list[Floats] = []
    for name in names:
        column = rows[name]
        kind = dataset.schema[name].kind if name in dataset.schema else "continuous"
        is_number = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
        if kind == "categorical" or not is_number:
            codes, found = pd.factorize(column, sort=True, use_na_sentinel=False)
            if len(found) > 200:
                raise DataError(f"{name!r} has {len(found)} categories to adjust for", "Group them, or leave it out.")
            columns += [(codes == k).astype(float) for k in range(1, len(found))]
            continue
        values = column.to_numpy(float, na_value=np.nan)
        if not np.isfinite(values).all():
            raise DataError(
                f"column {name!r} is adjusted for, and is missing or infinite in {(~np.isfinite(values)).sum()} rows",
                "Fill or drop those rows first (`clean:` in a config).",
            )
        columns.append(values)
    return np.stack(columns, 1) if columns else np.empty((len(rows), 0))


def sound_rows(rows: pd.DataFrame, dataset: Dataset, estimand: Estimand) -> pd.DataFrame:
    """The rows of the estimand's population with a positive weight, once they have been checked.

    Raises
    ------
    DataError : a treatment that is not 0/1, a missing or infinite number, or a negative weight.
    """
    if estimand.only is not None:
        rows = rows[rows[estimand.only[0]] == estimand.only[1]]
    numbers = [estimand.treatment, estimand.outcome, *([dataset.weight] if dataset.weight else [])]
    for name in numbers:
        _check_number(rows[name], name)
    if not rows[estimand.treatment].isin((0, 1)).all():
        odd = rows[estimand.treatment][~rows[estimand.treatment].isin((0, 1))].iloc[0]
        raise DataError(f"treatment {estimand.treatment!r} must be 0 or 1, got {odd!r}", "Recode the column.")
    if dataset.weight is None:
        return rows
    if (rows[dataset.weight] < 0).any():
        raise DataError(f"weight {dataset.weight!r} is negative in some rows", "Weights are frequencies.")
    return rows[rows[dataset.weight] > 0]


def _check_number(column: pd.Series[Any], name: str) -> None:
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        raise DataError(f"column {name!r} must hold numbers, got {column.dtype}", "Recode the column.")
    wrong = int((~np.isfinite(column.to_numpy(float, na_value=np.nan))).sum())
    if wrong:
        raise DataError(
            f"column {name!r} is missing or infinite in {wrong} of {len(column)} rows",
            "Drop or fill those rows first (`clean:` in a config).",
        )


def item_table(
    items: pd.Index[Any],
    *,
    raw: npt.ArrayLike,
    raw_stderr: npt.ArrayLike,
    treated: npt.ArrayLike,
    control: npt.ArrayLike,
    baseline: npt.ArrayLike,
    df: npt.ArrayLike = np.inf,
    ess: npt.ArrayLike = np.nan,
    effect: npt.ArrayLike | None = None,
    stderr: npt.ArrayLike | None = None,
    effect_df: npt.ArrayLike | None = None,
    reason: npt.ArrayLike = "",
) -> pd.DataFrame:
    """A table with all `ITEM_COLUMNS`, sorted by item; `status` is left to the frame.

    `items` are ids; every other argument has their length, or is a scalar. `raw` and `raw_stderr`
    come before sharing strength, and are both NaN where either is, or where the error is 0;
    `effect` and `stderr` after it (the raw ones when absent). `df` are the degrees of freedom of
    `p`, and of the interval where nothing was shared; `effect_df` those of shared ones (normal
    when absent). `treated`, `control` and `ess` count assignment units, `baseline` is the outcome
    where unexposed, `reason` states facts, such as why there is no estimate.
    """
    raw, raw_stderr = _both(raw, raw_stderr)
    if effect is None or stderr is None:
        effect, stderr, effect_df = raw, raw_stderr, df if effect_df is None else effect_df
    effect, stderr = _both(effect, stderr)
    lower, upper = t_interval(effect, stderr, np.inf if effect_df is None else effect_df)
    p = two_sided_p(raw, raw_stderr, df)
    columns = {
        "effect": effect,
        "stderr": stderr,
        "lower": lower,
        "upper": upper,
        "raw": raw,
        "raw_stderr": raw_stderr,
        "p": p,
        "q": benjamini_hochberg(p),
        "treated": treated,
        "control": control,
        "ess": ess,
        "baseline": baseline,
        "e_value": e_value(effect, baseline),
        "status": "",
        "reason": np.asarray(reason, object),
    }
    table = pd.DataFrame({name: columns[name] for name in ITEM_COLUMNS}, index=items.rename("item"))
    return table.iloc[_sorted(items)]


def _both(estimate: npt.ArrayLike, stderr: npt.ArrayLike) -> tuple[Floats, Floats]:
    estimate, stderr = np.broadcast_arrays(np.asarray(estimate, float), np.asarray(stderr, float))
    known = np.isfinite(estimate) & np.isfinite(stderr) & (stderr > 0)
    return np.where(known, estimate, np.nan), np.where(known, stderr, np.nan)


def ranks(ids: pd.Index[Any]) -> Ints:
    """Each id's place in their sorted order."""
    place = np.empty(len(ids), np.int64)
    place[_sorted(ids)] = np.arange(len(ids))
    return place


def _sorted(items: pd.Index[Any]) -> npt.NDArray[np.intp]:
    try:
        return np.asarray(items.argsort(), np.intp)
    except TypeError:  # ids of mixed type have no order of their own
        return np.asarray(items.astype(str).argsort(), np.intp)


def pooled_of(
    effect: float, stderr: float, *, baseline: float, items: int, units: int, how: str, df: float = np.inf
) -> Pooled:
    """`Pooled` with its 95 % interval."""
    lower, upper = t_interval(effect, stderr, df)
    return Pooled(float(effect), float(stderr), float(lower), float(upper), float(baseline), items, units, how)


def plain_reason(treated: npt.NDArray[Any], control: npt.NDArray[Any], unit: str) -> npt.NDArray[np.object_]:
    """Why an item has no contrast, from its counts of units: words, or ''."""
    reasons = np.full(len(treated), "", object)
    reasons[treated <= 0] = f"no exposed {unit}"
    reasons[control <= 0] = f"no unexposed {unit}"
    reasons[(treated <= 0) & (control <= 0)] = "no rows"
    return reasons


def levels_of(dataset: Dataset, names: Sequence[str]) -> dict[str, pd.Index[Any]]:
    """The values of each column, in order of appearance."""
    return {name: dataset.interactions.distinct(name) for name in names}
