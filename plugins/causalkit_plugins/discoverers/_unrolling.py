"""A table of units over time with its past beside it: `x[t-2]`, `x[t-1]`, `x`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import DataError
from causalkit.types import Column, Knowledge, Variables

__all__ = ["Unrolled", "lagged_name", "unroll"]

Ints = npt.NDArray[np.int64]


def lagged_name(name: str, lag: int) -> str:
    """What a column is called `lag` periods back: `price[t-1]`; now, by its own name."""
    return f"{name}[t-{lag}]" if lag else name


@dataclass(frozen=True)
class Unrolled:
    """The table with its past, and how its columns hang together.

    Parameters
    ----------
    variables : a row for each unit and period whose past is there; tiers are periods, the oldest first.
    knowledge : what is known, for every period that it means.
    of : column of `variables` → (column of the table, how many periods back).
    fixed : columns that never change within a series; they have no lag, and no tier of their own among each other.
    once : these columns alone, a row for each series: n is there the number of series; None for fewer than two.
    left_out : rows whose past is not there.
    """

    variables: Variables
    knowledge: Knowledge
    of: Mapping[str, tuple[str, int]]
    fixed: frozenset[str]
    once: Variables | None
    left_out: int


def unroll(variables: Variables, known: Knowledge, lags: int, per: Sequence[str], feedback: bool) -> Unrolled:
    """The table with `lags` periods of past beside each row.

    Raises
    ------
    DataError : no period, no series, two rows of one series in one period, or too few rows that have their past.
    """
    series, period = _series(variables, per), _periods(variables)
    past, kept = _rows_back(series, period, lags, " × ".join(_ids(variables, per)) or "series", variables.period)
    fixed = frozenset(name for name in variables.names if _never_changes(variables.table[name], series))
    of = {lagged_name(name, lag): (name, lag) for lag in range(lags, -1, -1) for name in variables.names}
    of = {made: (name, lag) for made, (name, lag) in of.items() if not lag or name not in fixed}
    columns, table = [], {}
    for made, (name, lag) in of.items():
        told = variables[name]
        tier = 0 if name in fixed else lags - lag + 1
        said = f"{told.label}, {lag} {'period' if lag == 1 else 'periods'} before" if lag else told.description
        columns.append(replace(told, name=made, tier=tier, description=said))
        table[made] = variables.table[name].iloc[past[lag]].reset_index(drop=True)
    rows = past[0]
    unrolled = Variables(
        pd.DataFrame(table),
        tuple(columns),
        {made: variables.levels[name] for made, (name, _) in of.items() if name in set(variables.levels) - fixed},
        variables.units.iloc[rows].reset_index(drop=True),
        variables.treatment,
        variables.outcome,
        weights=None if variables.weights is None else variables.weights[rows],
        clusters=variables.clusters,
        period=variables.period,
    )
    once = _once(variables, series, fixed) if len(fixed) > 1 else None
    return Unrolled(unrolled, _known_at(known, of, columns, feedback), of, fixed, once, int((~kept).sum()))


def _ids(variables: Variables, per: Sequence[str]) -> list[str]:
    return list(per) or [name for name in variables.units.columns if name != variables.period]


def _series(variables: Variables, per: Sequence[str]) -> Ints:
    """A number for each series: rows of one unit over time."""
    if not variables.period:
        raise DataError(
            "lagged needs to know the period of each row, and the table has none",
            "Give a column the role time, name it in schema.assignment, such as [user, week]; or set lags: 0.",
        )
    if not len(variables.table):
        raise DataError("lagged got a table without rows", "Give discovery more of the log.")
    unknown = [name for name in per if name not in variables.units.columns or name == variables.period]
    if unknown:
        raise DataError(
            f"lagged: per = {list(per)} names {unknown[0]!r}, which is no id of the rows beside the period",
            f"Ids: {', '.join(n for n in variables.units.columns if n != variables.period) or 'none'}.",
        )
    ids = _ids(variables, per)
    if not ids:
        return np.zeros(len(variables.table), np.int64)
    return variables.units.groupby(ids, observed=True, sort=True, dropna=False).ngroup().to_numpy(np.int64)


def _periods(variables: Variables) -> Ints:
    """Periods as whole numbers from 0, one apart where two can be no closer."""
    values = variables.units[variables.period]
    if values.isna().any():
        raise DataError(f"the period {variables.period!r} is missing in {int(values.isna().sum())} rows")
    if pd.api.types.is_datetime64_any_dtype(values):
        numbers = values.astype("int64").to_numpy(np.int64)
    elif pd.api.types.is_numeric_dtype(values) and bool((values == np.round(values.astype(float))).all()):
        numbers = values.to_numpy(np.int64)
    else:
        raise DataError(
            f"the period {variables.period!r} holds {values.dtype}, and lagged must count from one to the next",
            "Give whole numbers of weeks or days, or timestamps evenly apart.",
        )
    steps = np.diff(np.unique(numbers))
    return np.asarray((numbers - numbers.min()) // max(int(np.gcd.reduce(steps)) if len(steps) else 1, 1))


def _rows_back(
    series: Ints, period: Ints, lags: int, unit: str, named: str
) -> tuple[list[Ints], npt.NDArray[np.bool_]]:
    """For each lag the row of the same series so many periods back, of the rows that have all of these."""
    index = pd.MultiIndex.from_arrays([series, period])
    if index.has_duplicates:
        raise DataError(
            f"{int(index.duplicated().sum())} rows are of a {unit} and {named} that another row is of",
            "Declare in schema.assignment what a row is, such as [user, week]: rows of one unit are then averaged.",
        )
    back = [index.get_indexer(pd.MultiIndex.from_arrays([series, period - lag])) for lag in range(lags + 1)]
    kept = np.all([rows >= 0 for rows in back], axis=0)
    if not kept.any():
        raise DataError(
            f"no row has its {lags} {named} before: of {len(series)} rows of {len(np.unique(series))} {unit}",
            "Ask for fewer lags, or give periods that follow each other as whole numbers.",
        )
    return [np.asarray(rows[kept], np.int64) for rows in back], kept


def _never_changes(column: pd.Series[float], series: Ints) -> bool:
    return bool(column.groupby(series, observed=True).nunique(dropna=False).max() <= 1)


def _once(variables: Variables, series: Ints, fixed: frozenset[str]) -> Variables:
    first = np.unique(series, return_index=True)[1]
    table = variables.table[sorted(fixed)].iloc[first].reset_index(drop=True)
    return Variables(table, tuple(variables[name] for name in sorted(fixed)))


def _known_at(
    known: Knowledge, of: Mapping[str, tuple[str, int]], columns: Sequence[Column], feedback: bool
) -> Knowledge:
    """Knowledge of columns, for every period that it means.

    Nothing causes what was before it. A required edge is one within a period, in each; a forbidden one is ruled out
    within periods and across. Tiers rule out edges within a period, and across them too unless `feedback`.
    """
    required, forbidden, reasons = set(), set(), {}
    tiers = {column.name: column.tier for column in columns if column.tier is not None}
    for (a, (cause, _)), (b, (effect, _)) in permutations(of.items(), 2):
        if tiers[a] > tiers[b]:
            continue
        within = tiers[a] == tiers[b] or tiers[a] == 0  # what never changes is there in every period
        if (cause, effect) in known.required and within:
            required.add((a, b))
        elif (cause, effect) in known.forbidden or ((within or not feedback) and not known.allows(cause, effect)):
            forbidden.add((a, b))
        if (cause, effect) in known.reasons:
            reasons[a, b] = known.reasons[cause, effect]
    return Knowledge(tiers, frozenset(required), frozenset(forbidden), known.source, reasons)
