"""Columns of any dtype as numbers, truth values or words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from causalkit.errors import DataError
from causalkit.types import Variables

_WORDS = ("binary", "categorical")


def plain(variables: Variables) -> Variables:
    """The same with times as numbers, NaN where missing, and decimals and other numbers in objects as floats.

    Raises
    ------
    DataError : a column of complex numbers, or of lists and the like.
    """
    changed = {}
    if all(isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in variables.table.dtypes):
        return variables
    for column in variables.columns:
        values = variables.table[column.name]
        made = _plain(values, column.name, column.kind in _WORDS)
        if made is not values:
            changed[column.name] = made
    return replace(variables, table=variables.table.assign(**changed)) if changed else variables


def _plain(values: pd.Series[Any], name: str, as_words: bool) -> pd.Series[Any]:
    dtype = values.dtype
    if pd.api.types.is_complex_dtype(dtype):
        raise DataError(
            f"discovery got complex numbers in {name}", "Give their parts, or size and angle, as columns of their own."
        )
    if isinstance(dtype, pd.ArrowDtype) and dtype.kind in "OmM":  # decimals, dates and times of Arrow
        values, dtype = (plain := _of_arrow(values)), plain.dtype
    if pd.api.types.is_datetime64_any_dtype(dtype) or dtype.kind == "m" or isinstance(dtype, pd.PeriodDtype):
        return _times(values)
    if dtype.kind != "O" or isinstance(dtype, pd.CategoricalDtype | pd.StringDtype | pd.IntervalDtype):
        return values
    return _objects(values, name, as_words)


def _of_arrow(values: pd.Series[Any]) -> pd.Series[Any]:
    if values.dtype.kind == "O":
        return values.astype(object)
    return pd.Series(values.to_numpy(dtype=f"{values.dtype.kind}8[ns]", na_value=None), index=values.index)


def _times(values: pd.Series[Any]) -> pd.Series[Any]:
    numbers = values.astype("int64") if not values.isna().any() else values.dropna().astype("int64")
    return numbers.astype(np.float64).reindex(values.index) if values.isna().any() else numbers.astype(np.float64)


def _objects(values: pd.Series[Any], name: str, as_words: bool) -> pd.Series[Any]:
    """Numbers as floats, unless the column is declared to hold categories; else words as they are."""
    try:
        pd.factorize(values)
    except TypeError:
        raise DataError(
            f"discovery got lists or the like in {name}", "Give numbers or words, or leave the column out."
        ) from None
    if as_words:
        return values
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        return values
