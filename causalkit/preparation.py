"""From a loaded log to one that can be estimated from: clean, split, derive columns, build variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context
from causalkit.errors import DataError, nearest
from causalkit.types import Column, Dataset, Derivation, Split, Variables, adjustment_columns

__all__ = ["Cleaning", "clean", "derive", "split", "variables"]

Floats = npt.NDArray[np.float64]
FOLD = "fold"
PERIOD = "period"
_LETTERS = {"D": "discover", "E": "training", "V": "validation", "T": "test"}


class CleanPlan(Protocol):
    """What the config asks of cleaning; nothing by default."""

    @property
    def missing(self) -> Literal["refuse", "drop", "mean"] | None: ...
    @property
    def outliers(self) -> float | None: ...
    @property
    def standardise(self) -> Sequence[str]: ...


class SplitPlan(Protocol):
    """How the config asks rows to be parted."""

    @property
    def by(self) -> str: ...
    @property
    def weeks(self) -> int: ...
    @property
    def pattern(self) -> str: ...
    @property
    def first(self) -> int | None: ...
    @property
    def last(self) -> int | None: ...
    @property
    def transport(self) -> int: ...
    @property
    def discover(self) -> float: ...
    @property
    def test(self) -> float: ...


@dataclass(frozen=True)
class Cleaning:
    """One thing that cleaning did: to which column, and how many rows or cells it touched."""

    what: str
    column: str
    rows: int


def clean(dataset: Dataset, plan: CleanPlan) -> tuple[Dataset, tuple[Cleaning, ...]]:
    """Do what the plan asks, and count every row or cell touched.

    Raises
    ------
    DataError : `missing` is `refuse` (or absent) and a numeric column has missing values.
    """
    frame, done = dataset.interactions.frame(), []
    numeric = [
        c.name
        for c in dataset.schema.columns
        if c.role in ("covariate", "signal", "instrument", "bundle")
        and c.name in frame.columns
        and pd.api.types.is_numeric_dtype(frame[c.name])
    ]
    for name in numeric:
        gaps = ~np.isfinite(frame[name].to_numpy(np.float64, na_value=np.nan))
        if not gaps.any():
            continue
        if plan.missing not in ("drop", "mean"):
            raise DataError(
                f"column {name!r} has {int(gaps.sum())} missing or infinite values in {len(frame)} rows",
                "Say what to do: clean: {missing: drop} or clean: {missing: mean}.",
            )
        if plan.missing == "drop":
            frame = frame[~gaps]
        else:
            frame = frame.assign(**{name: np.where(gaps, frame.loc[~gaps, name].mean(), frame[name])})
        done.append(
            Cleaning(
                "dropped rows with gaps" if plan.missing == "drop" else "filled gaps with the mean",
                name,
                int(gaps.sum()),
            )
        )
    if plan.outliers is not None:
        for name in numeric:
            frame, count = _clip(frame, name, plan.outliers)
            if count:
                done.append(Cleaning(f"clipped at {plan.outliers:g} standard deviations", name, count))
    for name in plan.standardise:
        if name not in numeric:
            raise DataError(f"clean.standardise names {name!r}, no numeric covariate{nearest(name, numeric)}")
        spread = float(frame[name].std()) or 1.0
        frame = frame.assign(**{name: (frame[name] - frame[name].mean()) / spread})
        done.append(Cleaning("standardised", name, len(frame)))
    if not done:
        return dataset, ()
    return replace(dataset, interactions=type(dataset.interactions)(frame)), tuple(done)


def _clip(frame: pd.DataFrame, name: str, deviations: float) -> tuple[pd.DataFrame, int]:
    values = frame[name].to_numpy(float)
    low, high = values.mean() - deviations * values.std(), values.mean() + deviations * values.std()
    touched = int(((values < low) | (values > high)).sum())
    return (frame.assign(**{name: np.clip(values, low, high)}) if touched else frame), touched


def split(dataset: Dataset, plan: SplitPlan, context: Context | None = None) -> tuple[Dataset, Split]:
    """Part the rows for discovery, training, validation, test, and transport.

    `time-blocks`: blocks of `weeks` periods take turns by `pattern` (D, E, V, T); the last
    `transport` periods stay apart. Timestamps become whole weeks since the first. `random`: rows
    fall into parts at random. `none`: every row serves discovery and training; nothing is held out.

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
        draw = context.rng("split").random(rows)
        folds = np.where(draw < plan.discover, 0, np.where(draw < plan.discover + plan.test, 2, 1)).astype(np.int8)
        parts = {"discover": (0,), "training": (1,), "test": (2,)}
        rule = f"rows at random: {plan.discover:.0%} discovery, {plan.test:.0%} test"
    added = dataset.with_columns([], **{FOLD: folds})
    return added, Split(rule, FOLD, parts)


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


def derive(dataset: Dataset, parted: Split) -> Dataset:
    """Compute the columns that the schema declares, from rows that are not held out.

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
    items: pd.Index

    @classmethod
    def of(cls, dataset: Dataset, period: str, parted: Split) -> _Cells:
        rows = dataset.interactions.frame([dataset.item, period])
        items = rows[dataset.item].astype("category")
        periods, at = np.unique(rows[period].to_numpy(), return_inverse=True)
        by_period = parted.column == period
        held = np.isin(periods, list(parted.values("test", "transport"))) if by_period else np.zeros(len(periods), bool)
        return cls(dataset, items.cat.codes.to_numpy(np.int64), at, periods, held, pd.Index(items.cat.categories))

    def spread(self, values: Floats) -> npt.NDArray[np.float32]:
        """Cell values `[items, periods]` laid onto the rows."""
        return values.astype(np.float32)[self.item_at, self.period_at]

    def sums(self, name: str) -> tuple[Floats, Floats]:
        """Weighted sum of a column, and the weight, `[items, periods]`."""
        rows = self.dataset.interactions.frame([name] + ([self.dataset.weight] if self.dataset.weight else []))
        weight = self.dataset.weights(rows)
        shape = (len(self.items), len(self.periods))
        flat = self.item_at * shape[1] + self.period_at
        total = np.bincount(flat, weight * rows[name].to_numpy(np.float64), shape[0] * shape[1])
        return total.reshape(shape), np.bincount(flat, weight, shape[0] * shape[1]).reshape(shape)

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
        return _filled(lagged)

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
        return _filled(rate)


def _filled(cells: Floats) -> Floats:
    """Gaps filled with the item's mean, else the overall mean; 0 where nothing is known."""
    known = np.isfinite(cells)
    count = known.sum(1, keepdims=True)
    clean_cells = np.where(known, cells, 0.0)
    overall = clean_cells.sum() / max(int(known.sum()), 1)
    mean = np.where(count > 0, clean_cells.sum(1, keepdims=True) / np.maximum(count, 1), overall)
    return np.where(known, cells, mean)


_SEEN_BY_DISCOVERY = ("treatment", "outcome", "covariate", "signal", "instrument", "bundle")


def variables(dataset: Dataset) -> Variables:
    """The table that discovery sees: one row per assignment unit, each column with its level.

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
    table, units = _unit_means(dataset, frame, level, in_rows) if level else (frame[in_rows], pd.DataFrame())
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
