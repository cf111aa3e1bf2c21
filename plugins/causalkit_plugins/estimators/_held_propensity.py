"""Propensities of held-out rows, from a component that was fitted to the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from causalkit.components import Context, PropensityModel, clone
from causalkit.errors import ComponentError, DataError
from causalkit.types import Dataset, Estimand, Propensities, Table

from ._batched import Floats, Ints


def cross_fitted(
    model: PropensityModel, dataset: Dataset, estimand: Estimand, rows: pd.DataFrame, fold: Ints, context: Context
) -> Propensities:
    """P(exposed) of each of `rows`, by a clone of `model` fitted to the rows of the other folds.

    Raises
    ------
    DataError : the estimand's treatment is not the schema's, which is what the model learns.
    ComponentError : what the model gave is no probability for each row.
    """
    if estimand.treatment != dataset.treatment:
        raise DataError(
            f"a propensity component learns the schema's treatment {dataset.treatment!r}, "
            f"and the estimand asks for {estimand.treatment!r}",
            "Use propensity: estimated, which takes any treatment.",
        )
    values, how = np.empty(len(rows)), ""
    held_out = np.unique(fold)
    for k in context.track(held_out, "propensities", len(held_out)):
        here = fold == k
        others = replace(dataset, interactions=Table(rows[~here]))
        inner = context.under(f"propensity fold {k}")
        found = clone(model).fit(others, context=inner).predict(rows[here], context=inner)
        values[here], how = _sound(model, found, int(here.sum())), found.how
    return Propensities(values, how)


def _sound(model: Any, found: Any, rows: int) -> Floats:
    name = f"the propensity component {type(model).__name__}"
    if not isinstance(found, Propensities):
        raise ComponentError(f"{name} gave {type(found).__name__} for {rows} rows, not Propensities")
    values = np.asarray(found.values)
    if values.shape != (rows,):
        raise ComponentError(f"{name} gave shape {values.shape} for {rows} rows", "It must give one for each row.")
    if values.dtype.kind not in "fiu" or not ((values > 0) & (values < 1)).all():
        odd = values[~((values > 0) & (values < 1))][0] if values.dtype.kind in "fiu" else values[0]
        raise ComponentError(f"{name} gave {odd!r} for a row", "A probability of exposure is above 0 and below 1.")
    return values.astype(float)
