"""Software check: exposure permuted at random has no effect to find."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from causalkit.components import Context, Estimator, component
from causalkit.types import Dataset, Estimand, Verdicts

from . import _words as words
from ._fits import Calendar, Fitted, counts, estimated_items, has_cells, of_cells, refit, spread, unwrapped

_NAME = "permutation"


@component
class Permutation:
    """Refits with each item's exposure permuted over its assignment units: nothing should be found.

    It catches bugs (a leak of the outcome, errors that ignore the assignment unit). It cannot see
    confounding: permuted exposure is independent of everything, whatever the log is like, so passing says
    nothing about the effect.
    """

    sort: ClassVar[Literal["software-check", "falsification"]] = "software-check"

    draws: Annotated[int, Field(ge=1)] = 20
    "Permutations, with an estimator that is refitted on its cells."
    refits: Annotated[int, Field(ge=1)] = 2
    "Permutations, with an estimator that must be refitted on rows."

    def check(
        self,
        dataset: Dataset,
        estimand: Estimand,
        estimator: Estimator,
        *,
        context: Context = Context(),
    ) -> Verdicts:
        """Permute exposure within each item and refit; the verdict has no table by item."""
        inner = unwrapped(estimator)
        rng = context.rng(_NAME)
        if has_cells(inner):
            fits = self._on_cells(inner, dataset, estimand, rng, context)
        else:
            fits = self._on_rows(inner, dataset, estimand, rng, context)
        items = estimated_items(estimator)
        fits = [one.over(items) for one in fits]
        rejected, tested, many = counts(fits)
        mean, lower, upper = spread(fits)
        if not tested:
            return words.untried(_NAME, "software-check", "Each item's exposure was permuted", words.NOTHING_LEFT)
        said = (
            f"Under {len(fits)} permutations {words.share(rejected, tested)}, {many:.1f} after Benjamini-Hochberg; "
            f"the average effect reads {words.reading(dataset, mean, lower, upper)}; "
            "this finds bugs and cannot see confounding."
        )
        tried = "Each item's exposure was permuted at random over its assignment units."
        return Verdicts(_NAME, "software-check", tried, words.blank(), mean, lower, upper, rejected, tested, many, said)

    def _on_cells(
        self, estimator: Any, dataset: Dataset, estimand: Estimand, rng: np.random.Generator, context: Context
    ) -> list[Fitted]:
        cells = estimator.cells(dataset, estimand, context=context)
        present = cells.weight > 0
        draws = context.track(range(self.draws), "permuting exposure", self.draws)
        found = [estimator.fit_cells(cells.treated_as(permuted(cells.exposed, present, rng))) for _ in draws]
        return [of_cells(cells.items, one) for one in found]

    def _on_rows(
        self, estimator: Any, dataset: Dataset, estimand: Estimand, rng: np.random.Generator, context: Context
    ) -> list[Fitted]:
        fits = []
        calendar = Calendar.of(dataset, estimand)
        for _ in context.track(range(self.refits), "permuting exposure", self.refits):
            altered, asked = calendar.altered(_within_items(calendar, rng), estimand)
            fits.append(refit(estimator, altered, asked, context))
        return fits


def permuted(values: npt.NDArray[Any], present: npt.NDArray[np.bool_], rng: np.random.Generator) -> npt.NDArray[Any]:
    """Each row's `values` `[I, W]` permuted among its `present` cells."""
    drawn = np.argsort(np.where(present, rng.random(values.shape), 2.0), axis=1)
    place = np.argsort(~present, axis=1, kind="stable")
    out = np.empty_like(values)
    np.put_along_axis(out, place, np.take_along_axis(values, drawn, 1), 1)
    return out


def _within_items(calendar: Calendar, rng: np.random.Generator) -> npt.NDArray[np.int8]:
    """The calendar with exposures of an item's units and periods in another order."""
    unit, period = np.nonzero(calendar.exposed >= 0)
    item = calendar.item_of_unit[unit]
    order, drawn = np.argsort(item, kind="stable"), np.lexsort((rng.random(len(item)), item))
    out = calendar.exposed.copy()
    out[unit[order], period[order]] = calendar.exposed[unit[drawn], period[drawn]]
    return out
