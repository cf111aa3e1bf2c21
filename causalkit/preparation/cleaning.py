"""Cleaning: nothing unless asked, and every row or cell touched is counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalkit.errors import DataError, nearest
from causalkit.preparation.plain_text import STEPS, plain_column
from causalkit.text_census import text_columns
from causalkit.types import Dataset, Table

if TYPE_CHECKING:
    from causalkit.config import CleanPlan

__all__ = ["Cleaning", "clean", "clean_texts"]


@dataclass(frozen=True)
class Cleaning:
    """One thing that cleaning did: to which column, and how many rows or cells it touched."""

    what: str
    column: str
    rows: int


def clean(dataset: Dataset, plan: CleanPlan) -> tuple[Dataset, tuple[Cleaning, ...]]:
    """Do what the plan asks, and count every row or cell touched.

    Raises
    ------
    DataError : `missing` is `refuse` (or absent) and a numeric column has missing values.
    """
    frame, done = dataset.interactions.frame(), []
    numeric = [
        c.name
        for c in dataset.schema.columns
        if c.role in ("covariate", "signal", "instrument", "bundle")
        and c.name in frame.columns
        and pd.api.types.is_numeric_dtype(frame[c.name])
    ]
    for name in numeric:
        frame, count = _without_gaps(frame, name, plan.missing)
        if count:
            what = "dropped rows with gaps" if plan.missing == "drop" else "filled gaps with the mean"
            done.append(Cleaning(what, name, count))
    if plan.outliers is not None:
        for name in numeric:
            frame, count = _clip(frame, name, plan.outliers)
            if count:
                done.append(Cleaning(f"clipped at {plan.outliers:g} standard deviations", name, count))
    for name in plan.standardise:
        if name not in numeric:
            raise DataError(f"clean.standardise names {name!r}, no numeric covariate{nearest(name, numeric)}")
        spread = float(frame[name].std()) or 1.0
        frame = frame.assign(**{name: (frame[name] - frame[name].mean()) / spread})
        done.append(Cleaning("standardised", name, len(frame)))
    if done:
        dataset = replace(dataset, interactions=Table(frame))
    dataset, texts = clean_texts(dataset, plan)
    return dataset, (*done, *texts)


def _without_gaps(frame: pd.DataFrame, name: str, how: str | None) -> tuple[pd.DataFrame, int]:
    gaps = ~np.isfinite(frame[name].to_numpy(np.float64, na_value=np.nan))
    count = int(gaps.sum())
    if not count:
        return frame, 0
    if how == "drop":
        return frame[~gaps], count
    if how == "mean":
        return frame.assign(**{name: np.where(gaps, frame.loc[~gaps, name].mean(), frame[name])}), count
    raise DataError(
        f"column {name!r} has {count} missing or infinite values in {len(frame)} rows",
        "Say what to do: clean: {missing: drop} or clean: {missing: mean}.",
    )


def _clip(frame: pd.DataFrame, name: str, deviations: float) -> tuple[pd.DataFrame, int]:
    values = frame[name].to_numpy(float)
    low, high = values.mean() - deviations * values.std(), values.mean() + deviations * values.std()
    touched = int(((values < low) | (values > high)).sum())
    return (frame.assign(**{name: np.clip(values, low, high)}) if touched else frame), touched


def clean_texts(dataset: Dataset, plan: CleanPlan) -> tuple[Dataset, tuple[Cleaning, ...]]:
    """Do to the texts of items and users what the plan asks, and count every text touched; ids stay as they are."""
    tables: dict[str, pd.DataFrame] = {"items": dataset.items, "users": dataset.users}
    done: list[Cleaning] = []
    for of, values in text_columns(dataset) if plan.text == "plain" else ():
        made, changed = plain_column(values)
        tables[of] = tables[of].assign(**{str(values.name): made})
        done += [Cleaning(STEPS[step], str(values.name), count) for step, count in changed.items()]
    return (replace(dataset, items=tables["items"], users=tables["users"]) if done else dataset), tuple(done)
