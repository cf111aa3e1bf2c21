"""What a loaded log must be before anything is computed from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import DataError, nearest
from causalkit.preparation.images import check_images
from causalkit.preparation.texts import check_texts
from causalkit.types import Dataset

__all__ = ["check"]

LARGEST = 1e100
"""Values beyond this overflow when squared and summed."""
_SAMPLE = 20_000
_IN_ROWS = ("user", "segment", "item", "treatment", "outcome", "signal", "propensity", "position", "time", "weight")


def check(dataset: Dataset, *, causal: bool = True) -> tuple[str, ...]:
    """Notes on what a reader of the report should know of the log.

    With `causal`, effects will be estimated: treatment and outcome must be there and vary.

    Raises
    ------
    DataError : empty or of one row; a missing column; doubled ids; a treatment that is not 0/1, or
        the same in every row; an outcome that is missing, infinite, too large or constant; an unfit
        weight or propensity; fewer rows than columns; a covariate that follows from treatment or
        outcome; a text column that holds no texts; images none of
        which is there, or that are web addresses. Gaps in covariates are left to `clean`.
    """
    rows = dataset.interactions.frame()
    if len(rows) < 2:
        raise DataError(
            f"the log of {dataset.name!r} " + ("is empty" if rows.empty else "has one row"),
            "Check the path and any filter; effects need many exposed and many unexposed rows.",
        )
    _check_columns(dataset, rows)
    _check_ids(dataset, rows)
    check_texts(dataset)
    images = check_images(dataset)
    _check_weight(dataset, rows)
    if causal:
        _check_treatment(dataset, rows)
        _check_outcome(dataset, rows)
        _check_propensity(dataset, rows)
        _check_size(dataset, rows)
        _check_leakage(dataset, rows)
    _check_covariates(dataset, rows)
    return (*_notes(dataset, rows), *images)


def _check_columns(dataset: Dataset, rows: pd.DataFrame) -> None:
    known = [*rows.columns, *dataset.items.columns, *dataset.users.columns]
    for column in dataset.schema.columns:
        home = rows.columns if column.role in _IN_ROWS else known
        if column.derive is None and column.name not in home:
            raise DataError(
                f"the schema names column {column.name!r} ({column.role}), which the log does not"
                f" have{nearest(column.name, list(home))}",
                f"It has {list(home)}.",
            )


def _check_ids(dataset: Dataset, rows: pd.DataFrame) -> None:
    for table, name in ((dataset.items, dataset.item), (dataset.users, dataset.user)):
        if not table.index.is_unique:
            twice = table.index[table.index.duplicated()].unique()
            raise DataError(
                f"the table of {name!r} has {len(twice)} ids on more than one row, such as {twice[0]!r}",
                "Keep one row each.",
            )
        if name is not None and name in rows and rows[name].isna().any():
            raise DataError(f"column {name!r} is missing in {int(rows[name].isna().sum())} rows", "Remove those rows.")
    lost = pd.Index(rows[dataset.item].unique()).difference(dataset.items.index)
    if len(lost):
        raise DataError(
            f"{len(lost)} items of the log are not in its items table, such as {lost[0]!r}",
            "Add a row for each; its attributes may be missing.",
        )


def _check_treatment(dataset: Dataset, rows: pd.DataFrame) -> None:
    name = dataset.treatment
    values = _numbers(rows[name], name, "treatment")
    wrong = values[(values != 0) & (values != 1)]
    if len(wrong):
        raise DataError(
            f"column {name!r} (treatment) must be 0 or 1 and holds values such as {float(wrong[0])!r}"
            f" in {len(wrong)} rows",
            "Turn it into 0 and 1: shown or not shown.",
        )
    exposed = int(values.sum())
    if exposed == len(values):
        raise DataError(
            f"every one of {len(values)} rows is exposed ({name!r} is 1 throughout): there is nothing to compare with",
            "Log rows that could have been exposed and were not: the recommender's other candidates, or"
            " the same users and items in other weeks. Ranking by popularity needs no effects.",
        )
    if exposed == 0:
        raise DataError(
            f"none of {len(values)} rows is exposed ({name!r} is 0 throughout): no effect can be read",
            f"Check that {name!r} is the exposure and that 1, not 0, means shown.",
        )


def _check_outcome(dataset: Dataset, rows: pd.DataFrame) -> None:
    values = _numbers(rows[dataset.outcome], dataset.outcome, "outcome")
    if values.min() == values.max():
        raise DataError(
            f"column {dataset.outcome!r} (outcome) is {float(values[0]):g} in every row: there is nothing to explain",
            "Choose another outcome, or a longer period.",
        )


def _check_weight(dataset: Dataset, rows: pd.DataFrame) -> None:
    if dataset.weight is None:
        return
    values = _numbers(rows[dataset.weight], dataset.weight, "weight")
    if (values < 0).any() or not values.any():
        raise DataError(
            f"column {dataset.weight!r} (weight) must be a frequency of 0 or more, and is "
            + (f"negative in {int((values < 0).sum())} rows" if values.any() else "0 in every row"),
            "Give the number of units that each row stands for.",
        )


def _check_propensity(dataset: Dataset, rows: pd.DataFrame) -> None:
    """Within (0, 1), but in rows of items that were never exposed, where 0 is the truth."""
    name = dataset.schema.find("propensity")
    if name is None:
        return
    values = _numbers(rows[name], name, "propensity")
    ever = rows.groupby(dataset.item, observed=True)[dataset.treatment].transform("max").to_numpy() > 0
    outside = (values >= 1) | (values < 0) | ((values == 0) & ever)
    if outside.any():
        seen = sorted(set(values[outside].tolist()))[:4]
        raise DataError(
            f"column {name!r} (propensity) must lie between 0 and 1, both excluded, and is {seen}"
            f" in {int(outside.sum())} rows",
            "A row that was certain to be exposed, or certain not to be, can't be compared: leave it out,"
            " or leave the column out of the schema and have propensities estimated.",
        )


def _check_size(dataset: Dataset, rows: pd.DataFrame) -> None:
    used = _numeric_covariates(dataset, rows) + [c.name for c in dataset.schema.derived if c.role == "covariate"]
    if len(rows) < len(used) + 3:
        raise DataError(
            f"the log has {len(rows)} rows and {len(used)} covariates: too few rows to adjust for them",
            "Name fewer covariates in the schema, or bring more rows.",
        )


def _check_leakage(dataset: Dataset, rows: pd.DataFrame) -> None:
    """A covariate that says the outcome, or who was exposed, in every row was not fixed before them.

    Only a column that says it exactly is found (as a number, or as two categories); one that merely
    was measured too late looks like any other, and only its tier can tell.
    """
    tier = dataset.schema[dataset.treatment].tier
    spread = {name: _centred(rows[name]) for name in (dataset.outcome, dataset.treatment)}
    for column in dataset.schema.columns:
        later = column.tier is not None and tier is not None and column.tier >= tier
        if column.role != "covariate" or later or column.name not in rows:
            continue
        values = _centred(rows[column.name])
        for name, other in spread.items():
            if values is not None and other is not None and abs(float(values @ other)) > 1 - 1e-9:
                raise DataError(
                    f"column {column.name!r} (covariate) follows from {name!r} ({dataset.schema[name].role}) in every"
                    " row: it was measured after it, or stands for it, and nothing is left to compare",
                    "Leave it out of the schema, or give it a tier after the treatment's: then nothing adjusts for it.",
                )


def _centred(values: pd.Series[Any]) -> npt.NDArray[np.float64] | None:
    """A column as a vector of mean 0 and length 1; None where it is constant, has gaps, or is no number."""
    if isinstance(values.dtype, pd.CategoricalDtype) and len(values.cat.categories) == 2:
        values = values.cat.codes
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return None
    found = values.to_numpy(np.float64, na_value=np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        found = found - found.mean()
        length = float(np.linalg.norm(found))
    return found / length if np.isfinite(length) and length > 0 else None


def _check_covariates(dataset: Dataset, rows: pd.DataFrame) -> None:
    """Too large to square is refused here; gaps are left to `clean`, which says what it does."""
    for name in _numeric_covariates(dataset, rows):
        values = rows[name].to_numpy(np.float64, na_value=np.nan)
        huge = np.isfinite(values) & (np.abs(values) > LARGEST)
        if huge.any():
            raise DataError(
                f"column {name!r} (covariate) is beyond {LARGEST:g}, which overflows, in {int(huge.sum())} rows",
                "Correct the values, or leave the column out of the schema.",
            )


def _numeric_covariates(dataset: Dataset, rows: pd.DataFrame) -> list[str]:
    return [
        c.name
        for c in dataset.schema.columns
        if c.role == "covariate" and c.name in rows and pd.api.types.is_numeric_dtype(rows[c.name].dtype)
    ]


def _numbers(values: pd.Series[Any], name: str, what: str) -> npt.NDArray[np.float64]:
    """The column as floats; refused where it is no number, missing, infinite or too large."""
    if not (pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype)):
        raise DataError(
            f"column {name!r} ({what}) must hold numbers and holds {values.dtype}, such as {values.iloc[0]!r}",
            "Turn it into numbers, 0 and 1 for yes and no.",
        )
    found = values.to_numpy(np.float64, na_value=np.nan)
    for wrong, said in (
        (np.isnan(found), "missing (NaN)"),
        (np.isinf(found), "infinite"),
        (np.abs(found) > LARGEST, f"beyond {LARGEST:g}, which overflows"),
    ):
        if wrong.any():
            raise DataError(
                f"column {name!r} ({what}) is {said} in {int(wrong.sum())} of {len(found)} rows",
                "Remove those rows, or correct the values.",
            )
    return np.asarray(found, np.float64)


def _notes(dataset: Dataset, rows: pd.DataFrame) -> Iterator[str]:
    if not dataset.unit:
        yield "the schema names no unit of assignment and no cluster: intervals assume independent rows"
    bare = int(dataset.items.isna().all(axis=1).sum()) if len(dataset.items.columns) else 0
    if bare:
        yield f"{bare} items have no attributes"
    if len(rows) > 1 and rows.duplicated([c for c in rows.columns if c in dataset.schema]).mean() > 0.5:
        yield "more than half of the rows repeat another row in every column"
    covariates = _numeric_covariates(dataset, rows)
    gaps = [name for name in covariates if not np.isfinite(rows[name].to_numpy(np.float64, na_value=np.nan)).all()]
    if gaps:
        yield f"covariates with missing or infinite values, left to `clean`: {', '.join(gaps)}"
    yield from _redundant(rows, [name for name in covariates if name not in gaps])


def _redundant(rows: pd.DataFrame, names: list[str]) -> Iterator[str]:
    """Covariates that say nothing that the ones before them do not, in a sample of rows."""
    step = max(1, len(rows) // _SAMPLE)
    basis: list[npt.NDArray[np.float64]] = []
    for name in names:
        with np.errstate(over="ignore", invalid="ignore"):
            values = rows[name].to_numpy(np.float64)[::step]
            spread = float(values.std())
        if not np.isfinite(spread) or spread == 0:
            yield f"covariate {name!r} " + (
                "is the same in every row" if spread == 0 else "holds values too large to use"
            )
            continue
        left = (values - values.mean()) / (spread * np.sqrt(len(values)))
        for _ in range(2):  # twice, for the rounding of the first pass
            for direction in basis:
                left = left - (left @ direction) * direction
        size = float(np.linalg.norm(left))
        if size < 1e-6:
            yield f"covariate {name!r} follows from the ones before it; it adds nothing"
            continue
        basis.append(left / size)
