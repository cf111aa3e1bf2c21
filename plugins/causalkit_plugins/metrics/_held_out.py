"""Effects estimated afresh on held-out rows, and redrawn where items share what happened in a period."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context, Estimator, clone
from causalkit.errors import BudgetReached, CausalkitError, Interrupted, UsageError
from causalkit.types import Dataset, Estimand, Outputs, Table

Floats = npt.NDArray[np.float64]
T = TypeVar("T")

_FEWEST = 2
"""Exposed, and unexposed, periods that a held-out effect needs: weighed by its noise, fewer serve."""


@dataclass(frozen=True)
class HeldOut:
    """Raw effects of held-out rows.

    Parameters
    ----------
    raw, stderr : by item, NaN where there is no estimate; `stderr` is the steadier one where the
        estimator gives one (column `smooth_stderr`).
    draws : raw effects `[draws, items]` under redrawn periods, or None where items' errors are taken
        as independent.
    periods : how many periods were redrawn.
    problem : why nothing could be estimated, or "".
    """

    raw: pd.Series[float]
    stderr: pd.Series[float]
    draws: Floats | None = None
    periods: int = 0
    problem: str = ""

    @property
    def how(self) -> str:
        """What the interval rests on, in words."""
        if self.draws is None:
            return "items' errors taken as independent"
        return f"interval from {len(self.draws)} draws of the {self.periods} held-out periods"


def held_out(outputs: Outputs, test: Dataset, own: Estimator | None, resamples: int, context: Context) -> HeldOut:
    """Fit an unfitted clone on `test` under the run's estimand.

    Sharing strength does not change raw effects, so of an estimator that holds another (`of`) only
    the inner one is fitted, and its `min_units`, where it has that, is lowered to 2. Periods are
    redrawn where assignment units are periods and not users: then all items of a period share what
    happened in it. The latest results are kept in memory, since several metrics and rankings ask for
    the same ones: same rows, estimand, estimator, draws and seed.
    """
    estimand = outputs.estimand
    source = own if own is not None else outputs.estimator
    if estimand is None or source is None:
        raise UsageError("held-out effects need a run with an estimator", "Add `estimate:`.")
    while getattr(source, "of", None) is not None:
        source = source.of
    estimator = clone(source)
    if estimator.get_params(deep=False).get("min_units", _FEWEST) > _FEWEST:
        estimator.set_params(min_units=_FEWEST)
    key = (type(estimator), repr(estimator.get_params()), estimand, context.root_seed)
    found = _kept(test, key, lambda: _fitted(estimator, test, estimand, context))
    chosen = _drawn_periods(test, resamples, context)
    if found.problem or chosen is None:
        return found
    items = found.raw.index
    draws = _kept(test, (*key, resamples), lambda: _redrawn(estimator, test, estimand, chosen, items, context))
    return replace(found, draws=draws, periods=chosen.shape[1])


def rows_of(test: Dataset, column: str, value: Any) -> Dataset:
    """The rows in which `column` is `value`; the same table each time, so that what was fitted on it is found again."""
    key = ("rows", column, value)
    return replace(test, interactions=_kept(test, key, lambda: test.interactions.only(column, [value])))


def _fitted(estimator: Any, test: Dataset, estimand: Estimand, context: Context) -> HeldOut:
    try:
        table = estimator.fit(test, estimand, None, context=context.under("held-out")).effects_.item
    except (BudgetReached, Interrupted):
        raise
    except CausalkitError as error:
        nothing = pd.Series(dtype=float)
        return HeldOut(nothing, nothing, problem=f"held-out rows cannot be estimated: {error.what}")
    raw = table["raw"]
    stderr = table["smooth_stderr"].where(raw.notna()) if "smooth_stderr" in table else table["raw_stderr"]
    return HeldOut(raw, stderr)


_KEEP = 200
_latest: list[tuple[weakref.ref[object], tuple[Any, ...], Any]] = []
"""What was computed last, by the origin of its rows; held weakly, so that nothing outlives its log."""


def _kept(test: Dataset, key: tuple[Any, ...], make: Callable[[], T]) -> T:
    """What `make` gave for these very rows and this key, or gives now."""
    for rows, known, value in _latest:
        if rows() is test.interactions.origin and known == key:
            return cast("T", value)
    made = make()
    alive = [entry for entry in _latest if entry[0]() is not None]
    _latest[:] = [*alive[1 - _KEEP :], (weakref.ref(test.interactions.origin), key, made)]
    return made


def _drawn_periods(test: Dataset, resamples: int, context: Context) -> npt.NDArray[np.int64] | None:
    """Positions of periods in order, drawn with replacement `[resamples, periods]`; None: not needed."""
    assignment = test.schema.assignment
    if not resamples or test.period is None or test.period not in assignment or test.user in assignment:
        return None
    count = int(test.interactions.frame([test.period])[test.period].nunique())
    if count < 3:
        return None
    return np.sort(context.rng("periods").integers(0, count, (resamples, count)), axis=1)


def _redrawn(
    estimator: Any,
    test: Dataset,
    estimand: Estimand,
    chosen: npt.NDArray[np.int64],
    items: pd.Index[Any],
    context: Context,
) -> Floats:
    """Raw effects `[draws, items]`; on the estimator's own item × period cells where it has them."""
    out = np.full((len(chosen), len(items)), np.nan)
    if hasattr(estimator, "cells") and hasattr(estimator, "fit_cells"):
        cells = estimator.cells(test, estimand, context=context)
        place = cells.items.get_indexer(items)
        for b, periods in enumerate(context.track(chosen, "redrawing periods", len(chosen))):
            out[b] = np.where(place >= 0, estimator.fit_cells(cells.at(periods)).effect[place], np.nan)
        return out
    rows = test.interactions.frame()
    codes, _ = pd.factorize(rows[test.period], sort=True)
    order = np.argsort(codes, kind="stable")
    by_period = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    for b, periods in enumerate(context.track(chosen, "redrawing periods", len(chosen))):
        at = np.concatenate([by_period[p] for p in periods])
        label = np.repeat(np.arange(len(periods)), [len(by_period[p]) for p in periods])
        drawn = replace(test, interactions=Table(rows.iloc[at].assign(**{str(test.period): label})))
        try:
            table = estimator.fit(drawn, estimand, None, context=replace(context, progress=None)).effects_.item
        except (BudgetReached, Interrupted):
            raise
        except CausalkitError:
            continue
        out[b] = table["raw"].reindex(items)
    return out


def spread(draws: Floats, periods: int) -> float:
    """The standard error that draws of a statistic give, corrected for few periods; NaN if too few are known."""
    known = draws[np.isfinite(draws)]
    if len(known) < max(20, len(draws) // 2):
        return float("nan")
    return float(known.std(ddof=1) * np.sqrt(periods / (periods - 1)))
