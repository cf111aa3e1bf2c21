"""Falsification: exposure that has not happened yet cannot act."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from causalkit.components import Context, Estimator, component
from causalkit.types import Dataset, Estimand, Verdicts

from . import _words as words
from ._fits import Calendar, Fitted, counts, estimated_items, has_cells, of_cells, refit, unwrapped

_NAME = "future-exposure"
_NOW = "exposed_now"


@component
class FutureExposure:
    """Reads the "effect" of exposure some periods ahead, jointly with the current one.

    A cause does not act before it happens. If outcomes already move with exposure that is still to come,
    then whoever decides on exposure follows (or foresees) demand that the adjustment misses: a lead or
    anticipation test (Angrist & Pischke 2009, Mostly Harmless Econometrics, section 5.2).
    Where outcomes are anticipated, or exposure repeats at that distance, it can raise a false alarm.
    """

    sort: ClassVar[Literal["software-check", "falsification"]] = "falsification"

    periods: Annotated[int, Field(ge=1)] = 3
    "How many periods ahead; past the carry-over of one exposure, near enough to share its season."

    def check(
        self,
        dataset: Dataset,
        estimand: Estimand,
        estimator: Estimator,
        *,
        context: Context = Context(),
    ) -> Verdicts:
        """Refit with the exposure ahead in place of the current one, which joins the adjustment.

        Only periods whose future the given rows hold can be used: of blocks with gaps between, the first of
        each block. Neither exposure nor outcome of other rows is read. A log without numbered periods
        gets a verdict that says it could not be tried.
        """
        ahead = f"{self.periods} {words.period(dataset, self.periods)} ahead"
        tried = f"Exposure {ahead} was added beside the current one"
        if dataset.period is None:
            return words.untried(_NAME, "falsification", tried, "the log has no column with the role time")
        kind = dataset.interactions.frame([dataset.period])[dataset.period].dtype.kind
        if kind not in "iu":
            return words.untried(_NAME, "falsification", tried, f"{dataset.period} holds no whole period numbers")
        inner = unwrapped(estimator)
        fit = self._on_cells if has_cells(inner) else self._on_rows
        found, used, of = fit(inner, dataset, estimand, context)
        if found is None:
            why = f"no {words.period(dataset)} of these rows has its future {ahead} among them"
            return words.untried(_NAME, "falsification", tried, why)
        found = found.over(estimated_items(estimator))
        rejected, tested, many = counts([found])
        lower, upper = found.interval
        if not tested:
            return words.untried(_NAME, "falsification", tried, words.NOTHING_LEFT)
        said = (
            f"Exposure {ahead} reads {words.reading(dataset, found.effect, lower, upper)}; "
            f"{words.share(rejected, tested)}, {many:.0f} after Benjamini-Hochberg; "
            + words.against_zero(lower, upper, "exposure goes with something else that moves the outcome")
            + "."
        )
        return Verdicts(
            _NAME,
            "falsification",
            f"{tried}, on the {used} of {of} {words.period(dataset, 2)} whose future is known.",
            found.item,
            found.effect,
            lower,
            upper,
            rejected,
            tested,
            many,
            said,
        )

    def _on_cells(
        self, estimator: Any, dataset: Dataset, estimand: Estimand, context: Context
    ) -> tuple[Fitted | None, int, int]:
        cells = estimator.cells(dataset, estimand, context=context)
        now, later = _pairs(cells.periods, self.periods)
        if not len(now):
            return None, 0, len(cells.periods)
        known = cells.weight[:, later] > 0
        used = cells.at(now)
        current = used.exposed[..., None]
        used = replace(used, exposed=cells.exposed[:, later], weight=np.where(known, used.weight, 0.0))
        found = estimator.fit_cells(used, beside=current)
        return of_cells(cells.items, found), len(now), len(cells.periods)

    def _on_rows(
        self, estimator: Any, dataset: Dataset, estimand: Estimand, context: Context
    ) -> tuple[Fitted | None, int, int]:
        calendar = Calendar.of(dataset, estimand)
        now, later = _pairs(calendar.periods, self.periods)
        if not len(now):
            return None, 0, len(calendar.periods)
        ahead = np.full_like(calendar.exposed, -1)
        ahead[:, now] = calendar.exposed[:, later]
        altered, asked = calendar.altered(ahead, estimand, now=_NOW)
        return refit(estimator, altered, asked, context), len(now), len(calendar.periods)


def _pairs(periods: Any, ahead: int) -> tuple[Any, Any]:
    """Places of periods, and of those `ahead` of them, where both are there."""
    _, now, later = np.intersect1d(periods, periods - ahead, return_indices=True)
    return now, later
