"""Falsification of the inference: calendars shifted in time have no effect to find."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from causalkit.components import Context, Estimator, component
from causalkit.types import Dataset, Estimand, Verdicts

from . import _words as words
from ._fits import Calendar, Fitted, counts, estimated_items, has_cells, of_cells, refit, spread, unwrapped

_NAME = "shifted-calendar"


@component
class ShiftedCalendar:
    """Refits under every item's exposure calendar rotated in time: 5 % of items should read p < .05.

    Rotation keeps how often and in what runs an item is exposed, and breaks its tie to what happened in
    those periods. If many more than 5 % are rejected, errors are too small for how exposure was assigned
    (or the adjustment misses a slow season); if far fewer, they are too large. It is a placebo
    law for the t statistics as in randomisation inference (Bertrand, Duflo & Mullainathan 2004, QJE 119).

    Only the periods of the given rows are rotated: where they lie in blocks, the end of one block is joined
    to the start of the next, and a shift by k is one by k used periods.

    It judges the inference as a whole. An item's own few rotations cannot say that its effect is wrong:
    a true effect stands out of them, and so it is meant to. So the verdict has no table by item, and
    refutes none.
    """

    sort: ClassVar[Literal["software-check", "falsification"]] = "falsification"

    least: Annotated[int, Field(ge=1)] = 6
    "Shortest rotation, in periods, either way round; less where there are few periods."
    refits: Annotated[int, Field(ge=1)] = 3
    "Rotations tried with an estimator that must be refitted on rows (all of them with one that need not)."
    beside_true: bool = False
    "Keep the true exposure in the model, so that effects of items with periodic calendars do not leak in."

    def check(
        self,
        dataset: Dataset,
        estimand: Estimand,
        estimator: Estimator,
        *,
        context: Context = Context(),
    ) -> Verdicts:
        """Rotate over the periods of the given rows and refit.

        A log without time, or with fewer than four periods, gets a verdict that says so.
        """
        tried = "Each item's exposure calendar was rotated in time"
        if dataset.period is None:
            return words.untried(_NAME, "falsification", tried, "the log has no column with the role time")
        inner = unwrapped(estimator)
        fit = self._on_cells if has_cells(inner) else self._on_rows
        fits, shifts = fit(inner, dataset, estimand, context)
        if not fits:
            return words.untried(_NAME, "falsification", tried, "fewer than four periods to rotate")
        items = estimated_items(estimator)
        fits = [one.over(items) for one in fits]
        rejected, tested, many = counts(fits)
        mean, lower, upper = spread(fits)
        if not tested:
            return words.untried(_NAME, "falsification", tried, words.NOTHING_LEFT)
        said = (
            f"On average over {len(fits)} shifted calendars {words.share(rejected, tested)} "
            f"({_judged(rejected, tested)}), {many:.1f} after Benjamini-Hochberg; "
            f"the average effect reads {words.reading(dataset, mean, lower, upper)}."
        )
        by = f"{min(shifts)} to {max(shifts)} {words.period(dataset, 2)}"
        return Verdicts(
            _NAME,
            "falsification",
            f"{tried}, by {by}; this judges the errors of all items together and refutes none alone.",
            words.blank(),
            mean,
            lower,
            upper,
            rejected,
            tested,
            many,
            said,
        )

    def shifts(self, periods: int) -> list[int]:
        """Rotations of a calendar of so many periods."""
        if periods < 4:
            return []
        least = max(min(self.least, periods // 2 - 1), 1)
        return list(range(least, periods - least + 1))

    def _on_cells(
        self, estimator: Any, dataset: Dataset, estimand: Estimand, context: Context
    ) -> tuple[list[Fitted], list[int]]:
        cells = estimator.cells(dataset, estimand, context=context)
        beside = cells.exposed[..., None] if self.beside_true else None
        shifts = self.shifts(len(cells.periods))
        found = [
            estimator.fit_cells(cells.treated_as(np.roll(cells.exposed, shift, 1)), beside)
            for shift in context.track(shifts, "shifting calendars", len(shifts))
        ]
        return [of_cells(cells.items, one) for one in found], shifts

    def _on_rows(
        self, estimator: Any, dataset: Dataset, estimand: Estimand, context: Context
    ) -> tuple[list[Fitted], list[int]]:
        calendar = Calendar.of(dataset, estimand)
        every = self.shifts(len(calendar.periods))
        chosen = np.unique(np.linspace(0, len(every) - 1, min(self.refits, len(every))).round().astype(int))
        shifts = [every[place] for place in chosen] if every else []
        fits = []
        for shift in context.track(shifts, "shifting calendars", len(shifts)):
            rotated = np.roll(calendar.exposed, shift, 1)
            now = "exposed_as_it_was" if self.beside_true else ""
            altered, asked = calendar.altered(rotated, estimand, now=now)
            fits.append(refit(estimator, altered, asked, context))
        return fits, shifts


def _judged(rejected: float, tested: float) -> str:
    """Whether the share is near 5 %, within two points or what so many items tell."""
    rate, leeway = rejected / tested, max(0.02, 2 * (0.05 * 0.95 / tested) ** 0.5)
    if rate > 0.05 + leeway:
        return "more than chance: errors look too small"
    return "fewer than chance: errors look cautious" if rate < 0.05 - leeway else "about what chance gives"
