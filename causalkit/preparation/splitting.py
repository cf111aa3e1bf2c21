"""Splitting: which rows serve discovery, training, validation, test and transport."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context
from causalkit.errors import DataError
from causalkit.types import Column, Dataset, Split

if TYPE_CHECKING:
    from causalkit.config import SplitPlan

__all__ = ["split"]

FOLD = "fold"
PERIOD = "period"
_LETTERS = {"D": "discover", "E": "training", "V": "validation", "T": "test"}


def split(dataset: Dataset, plan: SplitPlan, context: Context | None = None) -> tuple[Dataset, Split]:
    """Part the rows for discovery, training, validation, test, and transport.

    `time-blocks`: blocks of `weeks` periods take turns by `pattern` (D, E, V, T); the last
    `transport` periods stay apart. Timestamps become whole weeks since the first. `random`: assignment
    units, or declared clusters, fall into parts at random, each whole. `none`: every row serves
    discovery and training; nothing is held out.

    Raises
    ------
    DataError : time blocks asked of a log without time, or a part that no block falls into.
    """
    if plan.by == "time-blocks":
        return _split_by_time(_with_periods(dataset), plan)
    context = context or Context()
    rows = len(dataset.interactions)
    if plan.by == "none":
        folds = np.zeros(rows, np.int8)
        parts: dict[str, tuple[Any, ...]] = {"discover": (0,), "training": (0,)}
        rule = "all rows serve discovery and training; nothing is held out"
    else:
        draw = _draw_per_unit(dataset, context)
        folds = np.where(draw < plan.discover, 0, np.where(draw < plan.discover + plan.test, 2, 1)).astype(np.int8)
        parts = {"discover": (0,), "training": (1,), "test": (2,)}
        rule = f"rows at random: {plan.discover:.0%} discovery, {plan.test:.0%} test"
    added = dataset.with_columns([], **{FOLD: folds})
    return added, Split(rule, FOLD, parts)


def _draw_per_unit(dataset: Dataset, context: Context) -> npt.NDArray[np.float64]:
    """A uniform draw per unit taken as independent (per row where none is declared), laid onto the rows."""
    rows, unit = len(dataset.interactions), list(dataset.unit)
    if not unit:
        return context.rng("split").random(rows)
    units = dataset.interactions.frame(unit).groupby(unit, observed=True, sort=True, dropna=False).ngroup().to_numpy()
    draws: npt.NDArray[np.float64] = context.rng("split").random(int(units.max()) + 1)[units]
    return draws


def _with_periods(dataset: Dataset) -> Dataset:
    name = dataset.schema.need("time", "split: {by: time-blocks}")
    values = dataset.interactions.frame([name])[name]
    if pd.api.types.is_integer_dtype(values.dtype):
        return dataset
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        raise DataError(
            f"column {name!r} has the role time and holds {values.dtype}",
            "Give whole period numbers, or timestamps.",
        )
    weeks = (values - values.min()).dt.days // 7
    column = Column(PERIOD, "time", "time", dataset.schema[name].tier, "week since the first row")
    kept = tuple(c for c in dataset.schema.columns if c.name != name)
    assignment = tuple(PERIOD if unit == name else unit for unit in dataset.schema.assignment)
    table = dataset.interactions.with_columns(**{PERIOD: weeks.to_numpy(np.int32)})
    return replace(
        dataset, interactions=table, schema=replace(dataset.schema, columns=(*kept, column), assignment=assignment)
    )


def _split_by_time(dataset: Dataset, plan: SplitPlan) -> tuple[Dataset, Split]:
    period = dataset.schema.need("time", "split: {by: time-blocks}")
    present = np.unique(dataset.interactions.frame([period])[period].to_numpy())
    first = int(present.min()) if plan.first is None else plan.first
    last = int(present.max()) if plan.last is None else plan.last
    inside = [int(p) for p in present if first <= p <= last]
    later = [int(p) for p in present if p > last] if plan.last is not None else []
    transport = later[-plan.transport :] if plan.transport and later else []
    if plan.transport and not later:
        inside, transport = inside[: -plan.transport], inside[-plan.transport :]
    parts: dict[str, list[int]] = {}
    for p in inside:
        letter = plan.pattern[((p - first) // plan.weeks) % len(plan.pattern)]
        parts.setdefault(_LETTERS[letter], []).append(p)
    missing = [_LETTERS[letter] for letter in dict.fromkeys(plan.pattern) if _LETTERS[letter] not in parts]
    if missing:
        raise DataError(
            f"{len(inside)} periods from {first} to {last} leave none for {' and '.join(missing)}"
            f" (blocks of {plan.weeks} rotating as {plan.pattern})",
            "Use shorter blocks (split.weeks), a longer log, or split: {by: random}.",
        )
    rule = f"blocks of {plan.weeks} {period}s from {first} to {last} rotate as {plan.pattern}"
    if transport:
        rule += f"; {period}s {transport[0]}–{transport[-1]} kept apart as a transport check"
        parts["transport"] = transport
    return dataset, Split(rule, period, {name: tuple(values) for name, values in parts.items()})
