"""A log as item × period cells: weights, exposed shares, outcome rates and adjustment terms.

Axes everywhere: I items, W periods, K adjustment terms, E extra shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context
from causalkit.errors import DataError, nearest
from causalkit.estimation import codes_of, needed_columns, sound_rows
from causalkit.reduction import State, add_states, reduce_table
from causalkit.types import Column, Dataset, Estimand, Table, adjustment_columns

from ._terms import Term, terms_of

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_MOST_PERIODS = 5000


@dataclass(frozen=True)
class Cells:
    """Weighted means per item and period; cells without rows have weight 0 and zeros elsewhere.

    Parameters
    ----------
    items, periods : ids of both axes; periods ascend.
    weight : `[I, W]` summed frequency weights.
    exposed : `[I, W]` share exposed.
    outcome : `[I, W]` mean outcome.
    exposed_outcome : `[I, W]` sum of outcome over exposed rows, over the cell's whole weight.
    terms : `[I, W, K]` adjustment, each in units in which its coefficients compare across items.
    extra : `[I, W, E]` means of further columns that were asked for.
    group : `[I]` code of each item's group.
    is_rate : the outcome is never negative, so that its noise is that of counts.
    labels : what each adjusted column is called, in words.
    notes : what was left out of the adjustment, and why.
    """

    items: pd.Index[Any]
    periods: npt.NDArray[Any]
    weight: Floats
    exposed: Floats
    outcome: Floats
    exposed_outcome: Floats
    terms: Floats
    extra: Floats
    group: npt.NDArray[np.int64]
    is_rate: bool = True
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def at(self, periods: Bools | npt.NDArray[np.int64]) -> Cells:
        """The same cells at some periods only."""
        arrays = ("weight", "exposed", "outcome", "exposed_outcome", "terms", "extra")
        return replace(
            self, periods=self.periods[periods], **{name: getattr(self, name)[:, periods] for name in arrays}
        )

    def treated_as(self, exposed: Floats) -> Cells:
        """The same cells under another exposure `[I, W]`."""
        return replace(self, exposed=exposed)


@dataclass(frozen=True)
class CellSums:
    """The reduction: weighted sums `[columns, I × W]` of outcome, treatment, terms and extras."""

    dataset: Dataset
    estimand: Estimand
    items: pd.Index[Any]
    periods: pd.Index[Any]
    period: str
    terms: tuple[Term, ...]
    crossed: tuple[str, ...] = field(default=())
    """Columns whose product with the treatment is summed too."""

    def init(self, broadcast: State) -> State:
        """Empty sums."""
        columns = 4 + len(self.terms) + len(self.crossed)
        return State({"sums": np.zeros((columns, len(self.items) * len(self.periods))), "low": np.zeros(1)})

    def update(self, state: State, part: pd.DataFrame) -> State:
        """The sums with a part's rows added."""
        rows = sound_rows(part, self.dataset, self.estimand)
        item = codes_of(rows[self.dataset.item], self.items)
        flat = item * len(self.periods) + codes_of(rows[self.period], self.periods)
        if (item < 0).any():
            flat, rows = flat[item >= 0], rows[item >= 0]
        weight = self.dataset.weights(rows)
        y = rows[self.estimand.outcome].to_numpy(np.float64)
        x = rows[self.estimand.treatment].to_numpy(np.float64)
        columns = [weight, weight * y, weight * x, weight * x * y]
        columns += [weight * term.values(rows) for term in self.terms]
        columns += [weight * x * rows[name].to_numpy(np.float64) for name in self.crossed]
        size = state.arrays["sums"].shape[1]
        added = np.stack([np.bincount(flat, column, size) for column in columns])
        low = np.array([min(float(y.min(initial=0.0)), 0.0)])
        return State({"sums": state.arrays["sums"] + added, "low": state.arrays["low"] + low})

    def merge(self, a: State, b: State) -> State:
        """Both together."""
        return add_states(a, b)

    def finalize(self, state: State) -> tuple[Floats, bool]:
        """Sums `[columns, I, W]`, and whether no outcome was negative."""
        shape = (-1, len(self.items), len(self.periods))
        return state.arrays["sums"].reshape(shape), bool(state.arrays["low"][0] >= 0)


def read_cells(
    dataset: Dataset, estimand: Estimand, *, extra: Sequence[str] = (), crossed: Sequence[str] = (), context: Context
) -> Cells:
    """One pass over the rows, by parts; memory does not grow with them.

    `extra` are further columns to average; for `crossed` ones `extra` also holds, after those, the
    mean of their product with the treatment.

    Raises
    ------
    DataError : no time column, timestamps in place of periods, or a column that cannot be read.
    """
    period = dataset.schema.need("time", "panel")
    terms, notes = _terms(dataset, estimand)
    periods = _periods(dataset, period)
    if not len(periods):
        raise DataError("there are no rows to estimate effects from", "Check the split and the population.")
    more = [Term(name) for name in extra]
    bare = replace(
        dataset,
        interactions=Table(pd.DataFrame()),
        items=pd.DataFrame(),
        users=pd.DataFrame(),
        pair_segment=None,
        truth=None,
    )
    reduction = CellSums(bare, estimand, dataset.items.index, periods, period, (*terms, *more), tuple(crossed))
    columns = needed_columns(dataset, estimand, period, *(term.column for term in reduction.terms), *crossed)
    sums, is_rate = reduce_table(reduction, dataset.interactions, columns, context=context, label="summing cells")
    weight = sums[0]
    kept = weight.sum(0) > 0
    means = np.divide(
        sums[1:, :, kept], weight[:, kept], out=np.zeros_like(sums[1:, :, kept]), where=weight[:, kept] > 0
    )
    known = len(terms)
    return Cells(
        dataset.items.index,
        periods.to_numpy()[kept],
        weight[:, kept],
        means[1],
        means[0],
        means[2],
        _scaled(dataset, terms, means[3 : 3 + known], weight[:, kept]),
        np.moveaxis(means[3 + known :], 0, 2),
        _groups(dataset),
        is_rate,
        _labels(dataset, terms),
        notes,
    )


def _periods(dataset: Dataset, period: str) -> pd.Index[Any]:
    found = dataset.interactions.distinct(period, most=_MOST_PERIODS).sort_values()
    if not pd.api.types.is_numeric_dtype(found.dtype) or len(found) > _MOST_PERIODS:
        count = f"over {_MOST_PERIODS}" if len(found) > _MOST_PERIODS else len(found)
        raise DataError(
            f"panel needs whole period numbers in {period!r}, got {count} values of {found.dtype}",
            "Split by time blocks (timestamps become weeks), or number the periods.",
        )
    return found


def _source(dataset: Dataset, name: str) -> Column | None:
    """The schema column that a row column stands for (a Fourier pair stands for its season)."""
    for column in dataset.schema.columns:
        if name == column.name or name in adjustment_columns(column):
            return column
    return None


def _terms(dataset: Dataset, estimand: Estimand) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    present = dataset.interactions.columns
    terms: list[Term] = []
    notes: list[str] = []
    for asked in estimand.adjustment:
        names = (
            (asked,)
            if asked in present
            else adjustment_columns(dataset.schema[asked])
            if asked in dataset.schema
            else (asked,)
        )
        for name in names:
            if name in present:
                terms += terms_of(dataset, name, "panel")
            elif name in dataset.items.columns:
                notes.append(f"{name} is constant within an item and cannot confound its effect")
            else:
                raise DataError(
                    f"the log has no column {name!r} to adjust for{nearest(name, present)}",
                    f"Its rows have {list(present)}.",
                )
    return tuple(dict.fromkeys(terms)), tuple(notes)


def _scaled(dataset: Dataset, terms: Sequence[Term], means: Floats, weight: Floats) -> Floats:
    """Terms `[I, W, K]`, centred on the item; lags and group rates relative to its mean."""
    scaled = np.zeros((*weight.shape, len(terms)))
    total = np.maximum(weight.sum(1, keepdims=True), 1e-300)
    for k, term in enumerate(terms):
        values = means[k]
        centre = (weight * values).sum(1, keepdims=True) / total
        source = _source(dataset, term.column)
        how = source.derive.how if source is not None and source.derive is not None else ""
        deviation = np.where(weight > 0, values - centre, 0.0)
        if how in ("lag", "group-rate") and values.min(initial=0.0) >= 0:
            scaled[..., k] = np.divide(deviation, centre, out=np.zeros_like(values), where=centre > 0)
        elif how in ("fourier", "trend"):
            scaled[..., k] = deviation
        else:
            spread = np.sqrt((weight * deviation**2).sum() / max(weight.sum(), 1e-300))
            scaled[..., k] = deviation / spread if spread > 1e-12 else 0.0
    return scaled


def _groups(dataset: Dataset) -> npt.NDArray[np.int64]:
    named = [name for name in dataset.schema.named("group") if name in dataset.items.columns]
    if not named:
        return np.zeros(len(dataset.items), np.int64)
    codes, levels = pd.factorize(dataset.items[named[0]])
    return np.where(codes < 0, len(levels), codes).astype(np.int64)


def _labels(dataset: Dataset, terms: Sequence[Term]) -> tuple[str, ...]:
    said = [source.label if (source := _source(dataset, term.column)) else term.column for term in terms]
    return tuple(dict.fromkeys(said))
