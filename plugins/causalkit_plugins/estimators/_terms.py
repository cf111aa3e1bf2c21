"""Adjustment columns of a log as numbers: a column, or whether a categorical one has a level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import DataError
from causalkit.types import Dataset

Floats = npt.NDArray[np.float64]
MOST_LEVELS = 12


@dataclass(frozen=True)
class Term:
    """One number per row: a column, or whether a categorical column has one level."""

    column: str
    level: Any = None

    def values(self, rows: pd.DataFrame) -> Floats:
        """The numbers of some rows; raises `DataError` where one is missing or infinite."""
        column = rows[self.column]
        if self.level is not None:
            if column.hasnans:
                raise self._refused(int(column.isna().sum()), "missing", len(column))
            return (column == self.level).to_numpy(np.float64)
        found = column.to_numpy(np.float64)
        if not np.isfinite(found).all():
            raise self._refused(int((~np.isfinite(found)).sum()), "missing or infinite", len(found))
        return found

    def _refused(self, wrong: int, how: str, rows: int) -> DataError:
        return DataError(
            f"column {self.column!r} is {how} in {wrong} of {rows} rows",
            "Drop or fill those rows first (`clean:` in a config).",
        )


def terms_of(dataset: Dataset, name: str, who: str, *, levelled: bool = False) -> list[Term]:
    """The terms of one column: itself, or a 0/1 for each level but the first.

    `levelled` takes numbers as levels too. Levels are gathered by parts.

    Raises
    ------
    DataError : more than `MOST_LEVELS` levels; `who` adjusts for them.
    """
    dtype = dataset.interactions.head().dtypes[name]
    if not levelled and (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)):
        return [Term(name)]
    levels = sorted(dataset.interactions.distinct(name).tolist(), key=str)
    if len(levels) > MOST_LEVELS:
        raise DataError(
            f"column {name!r} has {len(levels)} levels; {who} adjusts for at most {MOST_LEVELS}",
            "Group them, or leave the column out of the adjustment (identify.adjust).",
        )
    return [Term(name, level) for level in levels[1:]]
