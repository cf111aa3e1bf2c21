"""The table that discovery sees: one row per unit, each column with its level."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from causalkit.types import Column, Dataset, Variables, adjustment_columns

__all__ = ["variables"]

_MOST_ROWS = 2_000_000
_SEEN_BY_DISCOVERY = ("treatment", "outcome", "covariate", "signal", "instrument", "bundle")


def variables(dataset: Dataset) -> Variables:
    """The table that discovery sees: one row per assignment unit, each column with its level.

    Where no unit is declared, a row of weight n is n rows.
    Numeric columns are weighted means over the unit's rows; item attributes are joined. The level of
    a column is the coarsest of item, period and unit at which it is constant, so that effective n
    counts units and never repeated rows.
    """
    frame = dataset.interactions.frame()
    level = [name for name in dataset.schema.assignment if name in frame.columns]
    columns = [
        c for c in dataset.schema.columns if c.role in _SEEN_BY_DISCOVERY and c.kind not in ("text", "time", "image")
    ]
    in_rows = [name for c in columns for name in adjustment_columns(c) if name in frame.columns]
    if level:
        table, units = _unit_means(dataset, frame, level, in_rows)
    else:
        table, units = _each_row(dataset, frame)[in_rows], pd.DataFrame()
    described = [
        replace(c, name=name, derive=None, description=_numbered(c, name))
        for c in columns
        for name in adjustment_columns(c)
    ]
    for c in columns:
        if c.name not in table and c.name in dataset.items.columns and dataset.item in units:
            table[c.name] = dataset.items[c.name].reindex(units[dataset.item]).to_numpy()
    kept = tuple(c for c in described if c.name in table and (table[c.name] != table[c.name].iloc[0]).any())
    dropped = [c.name for c in described if c not in kept]
    notes = [f"one row per {' × '.join(level) or 'row'}: {len(table)} units"]
    if dropped:
        notes.append(f"left out, constant or absent: {', '.join(dropped)}")
    return Variables(
        table[[c.name for c in kept]].reset_index(drop=True),
        kept,
        {c.name: found for c in kept if (found := _level(table[c.name], units, level))},
        units.reset_index(drop=True),
        dataset.treatment,
        dataset.outcome,
        tuple(notes),
    )


def _numbered(column: Column, name: str) -> str:
    return column.label if name == column.name else f"{column.label} ({name.removeprefix(column.name + '_')})"


def _each_row(dataset: Dataset, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows repeated by their weight; beyond `_MOST_ROWS` evenly thinned, which only lowers n."""
    if dataset.weight is None:
        return frame
    until = np.cumsum(dataset.weights(frame))
    count = min(int(until[-1]), _MOST_ROWS)
    at = np.searchsorted(until, (np.arange(count) + 0.5) * (until[-1] / max(count, 1)), side="right")
    return frame.iloc[at].reset_index(drop=True)


def _unit_means(
    dataset: Dataset, frame: pd.DataFrame, level: list[str], names: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    groups = frame.groupby(level, observed=True, sort=True).ngroup().to_numpy()
    weight = dataset.weights(frame)
    count = int(groups.max()) + 1
    total = np.bincount(groups, weight, count)
    first = np.zeros(count, np.int64)
    first[groups[::-1]] = np.arange(len(groups))[::-1]
    units = frame[level].iloc[first].reset_index(drop=True)
    table = {}
    for name in names:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            table[name] = np.bincount(groups, weight * values.to_numpy(np.float64), count) / total
        else:
            table[name] = values.iloc[first].to_numpy()
    return pd.DataFrame(table), units


def _level(values: pd.Series[Any], units: pd.DataFrame, level: list[str]) -> tuple[str, ...]:
    """The single id column that fixes the values, if one does; else the whole unit."""
    for name in level:
        if len(level) > 1 and values.groupby(units[name].to_numpy(), observed=True).nunique().max() <= 1:
            return (name,)
    return tuple(level)
