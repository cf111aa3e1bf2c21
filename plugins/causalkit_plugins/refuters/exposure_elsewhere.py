"""Falsification: exposure that the unit could not see cannot act on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from causalkit.components import Context, Estimator, component
from causalkit.types import Column, Dataset, Estimand, Table, Verdicts

from . import _words as words
from ._fits import Fitted, counts, estimated_items, has_cells, of_cells, refit, unwrapped

_NAME = "exposure-elsewhere"
_NOW = "exposed_here"


@component
class ExposureElsewhere:
    """Reads the "effect" of an exposure the unit could not see, jointly with its own.

    The column has the schema role `placebo-exposure`, such as "in the mailer of stores this household does not
    go to". What makes an item worth exposing elsewhere (season, a new price, demand) acts here too, and
    the exposure itself does not: a negative control (Lipsitch et al. 2010, Epidemiology 21).
    Few items have enough periods that were exposed elsewhere only, so the pooled reading is the main one:
    on item × period cells, one coefficient for all items beside their own constants, items that vary more
    and have more rows counting more, its error clustered by item and period.
    """

    sort: ClassVar[Literal["software-check", "falsification"]] = "falsification"

    def check(
        self,
        dataset: Dataset,
        estimand: Estimand,
        estimator: Estimator,
        *,
        context: Context = Context(),
    ) -> Verdicts:
        """Refit with the placebo exposure in place of the true one, which joins the adjustment.

        A log without such a column, or in which it never varies, gets a verdict that says so.
        """
        tried = "Exposure elsewhere, which these units could not see, was added beside their own"
        named = [c for c in dataset.schema.named("placebo-exposure") if c in dataset.interactions.columns]
        if not named:
            return words.untried(_NAME, "falsification", tried, "the log has no column with the role placebo-exposure")
        values = dataset.interactions.frame(named[:1])[named[0]]
        if values.nunique() < 2:
            return words.untried(_NAME, "falsification", tried, f"{named[0]} never varies")
        inner = unwrapped(estimator)
        fit = _on_cells if has_cells(inner) else _on_rows
        found = fit(inner, dataset, estimand, named[0], context)
        found = found.over(estimated_items(estimator))
        rejected, tested, many = counts([found])
        lower, upper = found.interval
        if not (tested or np.isfinite(found.effect)):
            return words.untried(_NAME, "falsification", tried, words.NOTHING_LEFT)
        items = "no item has enough periods exposed elsewhere only"
        if tested:
            items = f"{words.share(rejected, tested)}, {many:.0f} after Benjamini-Hochberg"
        bias = "exposure elsewhere goes with something that moves the outcome here, up or down"
        said = (
            f"Exposure elsewhere reads {words.reading(dataset, found.effect, lower, upper)}; {items}; "
            f"{words.against_zero(lower, upper, bias)}."
        )
        return Verdicts(
            _NAME,
            "falsification",
            f"{tried}; pooled over items, and for each item with enough such {words.period(dataset, 2)}.",
            found.item,
            found.effect,
            lower,
            upper,
            rejected,
            tested,
            many,
            said,
        )


def _on_cells(estimator: Any, dataset: Dataset, estimand: Estimand, column: str, context: Context) -> Fitted:
    cells = estimator.cells(dataset, estimand, extra=(column,), context=context)
    elsewhere, here = cells.extra[..., 0], cells.exposed
    found = estimator.fit_cells(replace(cells, exposed=elsewhere), beside=here[..., None])
    slope, stderr = estimator.pooled_cells(cells, np.stack([elsewhere, here], 2))
    each = of_cells(cells.items, found)
    return Fitted(each.item, float(slope[0]), float(stderr[0]), max(min(here.shape) - 1, 1))


def _on_rows(estimator: Any, dataset: Dataset, estimand: Estimand, column: str, context: Context) -> Fitted:
    rows = dataset.interactions.frame()
    table = rows.assign(**{estimand.treatment: (rows[column] > 0.5).astype(np.int8), _NOW: _numbers(rows, estimand)})
    schema = dataset.schema.with_columns([Column(_NOW, "covariate", description="exposure as it was")])
    altered = replace(dataset, interactions=Table(table), schema=schema)
    asked = replace(estimand, adjustment=(*estimand.adjustment, _NOW))
    return refit(estimator, altered, asked, context)


def _numbers(rows: pd.DataFrame, estimand: Estimand) -> Any:
    return rows[estimand.treatment].to_numpy(float)
