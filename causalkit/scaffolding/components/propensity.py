"""How often each item is shown."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
import pandas as pd
from pydantic import Field

from causalkit.components import Context, component
from causalkit.types import Dataset, Propensities


@component
class ExposureRate:
    """The item's share of exposed rows, drawn to that of all rows (a beta prior).

    Assumes that nothing but the item decided who was shown it.
    """

    prior: Annotated[float, Field(gt=0)] = 10.0
    "How many rows the overall share counts for; items with fewer rows are drawn to it more."

    def fit(self, dataset: Dataset, *, context: Context = Context()) -> Self:
        """Learn the shares from the rows of `dataset`."""
        names = [dataset.item, dataset.treatment, *([dataset.weight] if dataset.weight else [])]
        rows = dataset.interactions.frame(names)
        weight = pd.Series(dataset.weights(rows), rows.index)
        exposed = weight * rows[dataset.treatment].astype(float)
        self.overall_ = (exposed.sum() + 0.5) / (weight.sum() + 1)
        sums = pd.DataFrame({"all": weight, "exposed": exposed}).groupby(rows[dataset.item], observed=True).sum()
        self.rates_ = (sums["exposed"] + self.prior * self.overall_) / (sums["all"] + self.prior)
        self.item_ = dataset.item
        return self

    def predict(self, rows: pd.DataFrame, *, context: Context = Context()) -> Propensities:
        """P(exposed) in (0, 1) for each row; the overall share for an item that was not seen."""
        values = self.rates_.reindex(pd.Index(rows[self.item_])).fillna(self.overall_).to_numpy(np.float64)
        return Propensities(values, "the item's share of exposed rows")
