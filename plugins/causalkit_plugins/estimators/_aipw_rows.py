"""The rows that `aipw` holds in memory, as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from causalkit.errors import DataError
from causalkit.estimation import adjusted, codes_of, design, needed_columns, sound_rows, unit_codes
from causalkit.types import Dataset, Estimand

from ._batched import Floats, Ints
from ._unit_groups import Hashes, UnitHash, mixed

_MOST_ROWS = 50_000_000


@dataclass(frozen=True)
class Rows:
    """Flat arrays: item code, item × unit code, each such group's item and a hash of its ids, unit, weight,
    exposure, outcome, covariates, and propensities where they were logged. `frame` has the rows with every column,
    where they are asked for whole.
    """

    item: Ints
    group: Ints
    owner: Ints
    lots: Hashes
    unit: Ints
    w: Floats
    t: Floats
    y: Floats
    x: Floats
    units: Floats
    unit_name: str
    logged: Floats | None
    frame: pd.DataFrame

    @classmethod
    def read(cls, dataset: Dataset, estimand: Estimand, whole: bool = False) -> Rows:
        """The rows of the estimand's population; `whole` keeps every column in `frame`.

        Raises `DataError` for rows that cannot be read, or none at all.
        """
        unit_names, logged = dataset.unit_within_item, dataset.schema.find("propensity")
        adjust = adjusted(dataset, estimand)
        columns = needed_columns(dataset, estimand, *unit_names, *adjust, logged)
        rows = sound_rows(dataset.interactions.frame(None if whole else columns), dataset, estimand)
        item = codes_of(rows[dataset.item], dataset.items.index)
        rows, item, weight = _each(rows[item >= 0], item[item >= 0], dataset)
        if not len(rows):
            raise DataError("there are no rows to estimate effects from", "Check the split and the population.")
        if dataset.unit:
            unit, count = unit_codes(rows, unit_names)
        else:
            unit, count = np.arange(len(rows)), len(rows)
        hashes = UnitHash.of(dataset.interactions, (dataset.item, *unit_names))(rows)
        group = pd.factorize(item * count + unit)[0].astype(np.int64)
        owner = np.empty(int(group.max()) + 1, np.int64)
        owner[group] = item
        lots = np.empty(len(owner), np.uint64)
        lots[group] = hashes if dataset.unit else hashes ^ mixed(unit.astype(np.uint64))
        return cls(
            item,
            group,
            owner,
            lots,
            unit,
            weight,
            rows[estimand.treatment].to_numpy(float),
            rows[estimand.outcome].to_numpy(float),
            design(dataset, rows, adjust),
            np.bincount(owner, minlength=len(dataset.items)).astype(float),
            " × ".join(unit_names) or ("item" if dataset.unit else "row"),
            rows[logged].to_numpy(float) if logged else None,
            rows.assign(**{dataset.weight: weight}) if whole and dataset.weight else rows,
        )


def _each(rows: pd.DataFrame, item: Ints, dataset: Dataset) -> tuple[pd.DataFrame, Ints, Floats]:
    """Rows, items and weights, a row of weight n being n rows where rows are independent.

    Weights that are no whole numbers stay weights of a row each.
    """
    weight = dataset.weights(rows)
    if dataset.weight is None or dataset.unit or not np.array_equal(weight, np.rint(weight)):
        return rows, item, weight
    if weight.sum() > _MOST_ROWS:
        raise DataError(
            f"weights stand for {int(weight.sum())} independent rows; aipw holds {_MOST_ROWS} at most in memory",
            "Declare the assignment unit in the schema, or use difference-in-means or panel.",
        )
    times = weight.astype(np.int64)
    return rows.iloc[np.repeat(np.arange(len(rows)), times)], np.repeat(item, times), np.ones(int(weight.sum()))
