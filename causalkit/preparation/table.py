"""The table that discovery sees: one row per unit, each column with its level."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.types import Column, Dataset, Variables, adjustment_columns

__all__ = ["variables"]

_SEEN_BY_DISCOVERY = ("treatment", "outcome", "covariate", "signal", "instrument", "bundle")
_IDS = ("cluster", "user", "segment", "item", "time")
"""Roles whose columns may fix others, where only a cluster is declared."""


def variables(dataset: Dataset) -> Variables:
    """The table that discovery sees: each column with its level, so that units are counted and never repeated rows.

    Where assignment units are declared, a row per unit (by the declared cluster, where units hold several), numeric
    columns being weighted means over the unit's rows. Where they are not, a row per row of the log, with its weight.
    Item attributes are joined. The level of a column is the coarsest id at which it is constant.
    """
    frame = dataset.interactions.frame()
    cluster = [name for name in dataset.schema.named("cluster") if name in frame.columns]
    unit = [name for name in dataset.schema.assignment if name in frame.columns]
    level = [*unit, *(name for name in cluster if unit and name not in unit)]
    columns = [
        c for c in dataset.schema.columns if c.role in _SEEN_BY_DISCOVERY and c.kind not in ("text", "time", "image")
    ]
    in_rows = [name for c in columns for name in adjustment_columns(c) if name in frame.columns]
    weights = None
    if level:
        table, units = _unit_means(dataset, frame, level, in_rows)
    else:
        frame, weights = _counted_rows(dataset, frame)
        table, units = frame[in_rows].reset_index(drop=True), _ids(dataset, frame) if cluster else pd.DataFrame()
    described = [
        replace(c, name=name, derive=None, description=_numbered(c, name))
        for c in columns
        for name in adjustment_columns(c)
    ]
    for c in columns:
        if c.name not in table and c.name in dataset.items.columns and dataset.item in (units if level else frame):
            of = (units if level else frame)[dataset.item]
            table[c.name] = dataset.items[c.name].reindex(of).to_numpy()
    kept = tuple(c for c in described if c.name in table and (table[c.name] != table[c.name].iloc[0]).any())
    dropped = [c.name for c in described if c not in kept]
    notes = [f"one row per {' × '.join(level) or 'row'}: {len(table)} units"]
    if dropped:
        notes.append(f"left out, constant or absent: {', '.join(dropped)}")
    if not unit and not cluster:
        notes += _taken_as_independent(dataset, frame)
    return Variables(
        table[[c.name for c in kept]].reset_index(drop=True),
        kept,
        {c.name: found for c in kept if (found := _level(table[c.name], units, level, unit))},
        units.reset_index(drop=True),
        dataset.treatment,
        dataset.outcome,
        tuple(notes),
        weights,
        tuple(cluster),
        next((name for name in dataset.schema.named("time") if name in units.columns), ""),
    )


def _numbered(column: Column, name: str) -> str:
    return column.label if name == column.name else f"{column.label} ({name.removeprefix(column.name + '_')})"


def _counted_rows(dataset: Dataset, frame: pd.DataFrame) -> tuple[pd.DataFrame, npt.NDArray[np.float64] | None]:
    """Rows that stand for any, and for how many each stands; None where each is one."""
    if dataset.weight is None:
        return frame, None
    weights = dataset.weights(frame)
    return frame[weights > 0].reset_index(drop=True), weights[weights > 0]


def _ids(dataset: Dataset, frame: pd.DataFrame) -> pd.DataFrame:
    """The id columns that repeat: what is constant within one has no more values than there are ids."""
    named = [dataset.schema.find(role) for role in _IDS]  # type: ignore[arg-type]
    found = [name for name in named if name in frame.columns and frame[name].nunique() < len(frame)]
    return frame[found].reset_index(drop=True)


def _taken_as_independent(dataset: Dataset, frame: pd.DataFrame) -> list[str]:
    repeating = list(_ids(dataset, frame).columns)
    said = f"rows are taken as independent, though each {' and '.join(repeating)} has several"
    return [f"{said}: declare the assignment or a cluster in the schema"] if repeating else []


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


def _level(values: pd.Series[Any], units: pd.DataFrame, level: list[str], unit: list[str]) -> tuple[str, ...]:
    """The single id column that fixes the values, the one of fewest ids; else the assignment unit; else the row."""
    if len(units.columns) < 2 and level:
        return tuple(level)
    single = sorted(units.columns, key=lambda name: (int(units[name].nunique()), list(units.columns).index(name)))
    for ids in [*([name] for name in single), *([unit] if len(unit) < len(level) else [])]:
        if values.groupby([units[name].to_numpy() for name in ids], observed=True).nunique().max() <= 1:
            return tuple(ids)
    return tuple(level)
