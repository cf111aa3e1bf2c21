"""Columns as a log has them, made what their role needs, or refused with what to do."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from causalkit.errors import DataError

__all__ = ["as_binary", "as_ids", "as_numbers", "as_time", "as_values", "join_ids"]

_TRUE = {"1", "true", "t", "yes", "y", "treated", "exposed", "shown", "on"}
_FALSE = {"0", "false", "f", "no", "n", "control", "unexposed", "not shown", "off", "untreated"}
_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$")


def _levels(values: pd.Series[Any]) -> pd.Index:
    """Distinct values, missing ones left out."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return pd.Index(values.cat.categories[np.unique(values.cat.codes[values.cat.codes >= 0])])
    return pd.Index(values.dropna().unique())


def _refuse_missing(values: pd.Series[Any], name: str, what: str) -> None:
    gaps = int(values.isna().sum())
    if gaps:
        raise DataError(
            f"column {name!r} ({what}) is missing in {gaps} of {len(values)} rows",
            "Remove those rows, or fill them where you know the value.",
        )


def as_binary(values: pd.Series[Any], name: str, what: str, treated: Any = None) -> pd.Series[Any]:
    """0/1 from booleans, 0.0/1.0, `yes`/`no` and the like, or from `treated`, the value that means 1.

    Raises
    ------
    DataError : missing values, or values that are not plainly one or the other.
    """
    _refuse_missing(values, name, what)
    levels = _levels(values)
    if treated is not None:
        meant = [level for level in levels if level == treated or str(level) == str(treated)]
        if not meant:
            raise DataError(
                f"column {name!r} never holds {treated!r}, named by `treated`", f"It holds {_some(levels)}."
            )
        return values.isin(meant).astype(np.int8)
    if len(levels) and all(isinstance(level, str) for level in levels):
        said = {level: level.strip().lower() for level in levels}
        if all(word in _TRUE or word in _FALSE for word in said.values()):
            return values.isin([level for level, word in said.items() if word in _TRUE]).astype(np.int8)
    elif all(not isinstance(level, str) and level in (0, 1) for level in levels):
        return values.astype(bool).astype(np.int8)
    raise DataError(
        f"column {name!r} ({what}) must be 0 or 1 and holds {_some(levels)}",
        f"Say which value means 1 (columns: {{{name}: {{treated: VALUE}}}}), or turn it into 0 and 1: a share or a dose"
        " by a threshold, several arms by one log each.",
    )


def as_numbers(values: pd.Series[Any], name: str, what: str) -> pd.Series[Any]:
    """Numbers; booleans as 0/1. Missing values stay, for the checks or for `clean`."""
    kind = pd.api.types
    if kind.is_bool_dtype(values.dtype):
        return values.astype(np.int8)
    if kind.is_numeric_dtype(values.dtype):
        plain = kind.is_extension_array_dtype(values.dtype)
        return values.astype(np.float64) if plain else values
    levels = _levels(values)
    if all(isinstance(level, Decimal | bool | int | float) for level in levels):
        return values.astype(object).astype(np.float64)
    texts = [level for level in levels if not _is_number(level)]
    if texts:
        raise DataError(
            f"column {name!r} ({what}) must hold numbers and holds {_some(pd.Index(texts))}",
            "Write numbers with a decimal point, or declare it `kind: categorical`.",
        )
    return values.astype(object).astype(np.float64)


def _is_number(level: Any) -> bool:
    try:
        float(level)
    except (TypeError, ValueError):
        return False
    return True


def as_time(values: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Whole period numbers, or timestamps; those with a zone in UTC.

    Raises
    ------
    DataError : missing, fractional, ambiguous (`01/02/2024`), or zoned and not zoned mixed.
    """
    _refuse_missing(values, name, "time")
    kind = pd.api.types
    if kind.is_datetime64_any_dtype(values.dtype):
        return values.dt.tz_convert("UTC") if values.dt.tz is not None else values
    if kind.is_numeric_dtype(values.dtype) and not kind.is_bool_dtype(values.dtype):
        whole = values.to_numpy(np.float64)
        if not (np.isfinite(whole).all() and (whole == np.floor(whole)).all()):
            raise DataError(f"column {name!r} (time) must hold whole periods and holds fractions", "Round it.")
        return values.astype(np.int64)
    coded = values.astype("category")
    levels = [str(level) for level in coded.cat.categories]
    zoned = [bool(":" in level and _ZONE.search(level)) for level in levels]
    if any(zoned) and not all(zoned):
        raise DataError(f"column {name!r} (time) has a time zone in some rows only", "Give one to every row.")
    try:
        parsed = pd.to_datetime(pd.Series(levels), format="ISO8601", utc=any(zoned))
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"column {name!r} (time) cannot be read: {str(error).partition('. You might')[0]}",
            "Write whole period numbers or ISO 8601 times, such as 2024-05-31 or 2024-05-31T10:00:00+02:00.",
        ) from None
    return (
        pd.Series(parsed.to_numpy() if not any(zoned) else parsed.array, name=name)
        .take(coded.cat.codes)
        .set_axis(values.index)
    )


def as_values(values: pd.Series[Any], name: str, what: str, kind: str) -> pd.Series[Any]:
    """A column of the declared kind."""
    if kind == "binary":
        known = values.dropna()
        found = as_binary(known, name, what)
        return found if len(known) == len(values) else found.astype(np.float64).reindex(values.index)
    if kind in ("continuous", "count"):
        return as_numbers(values, name, what)
    if kind == "time":
        return as_time(values, name)
    return values.astype("category") if kind == "categorical" else values


def as_ids(values: pd.Series[Any], name: str, what: str) -> pd.Series[Any]:
    """A categorical of ids: all of one type, whole floats as integers.

    A segment or group that is missing is a level of its own, `"missing"`.

    Raises
    ------
    DataError : a missing id, or ids such as 1 and "1" that would fall together.
    """
    coded = values.astype("category").cat.remove_unused_categories()
    plain = _plain(coded.cat.categories)
    if what in ("segment", "group") and coded.isna().any():
        plain = pd.Index([*(str(one) for one in plain), "missing"], dtype=object).drop_duplicates()
        codes = np.where(coded.cat.codes < 0, plain.get_loc("missing"), coded.cat.codes)
        return pd.Series(pd.Categorical.from_codes(codes, plain), values.index)
    _refuse_missing(values, name, what)
    if not plain.is_unique:
        twice = plain[plain.duplicated()][0]
        raise DataError(f"column {name!r} has ids that differ only in type, such as {twice!r}", "Write them one way.")
    return pd.Series(pd.Categorical.from_codes(coded.cat.codes, plain), values.index)


def _plain(ids: pd.Index) -> pd.Index:
    """Integers, or else strings."""
    if pd.api.types.is_bool_dtype(ids.dtype):
        return pd.Index([str(one) for one in ids], dtype=object)
    if pd.api.types.is_integer_dtype(ids.dtype):
        return pd.Index(ids.astype(np.int64))
    whole = pd.api.types.is_float_dtype(ids.dtype) and all(float(one).is_integer() for one in ids)
    return pd.Index(ids.astype(np.int64)) if whole else pd.Index([str(one) for one in ids], dtype=object)


def join_ids(rows: pd.Series[Any], table: pd.Index, name: str) -> tuple[pd.Series[Any], pd.Index]:
    """Row ids and table ids as one type: strings where they differ (7 in one file, "7" in the other).

    Raises
    ------
    DataError : ids doubled in the table, or not one id in common.
    """
    if table.hasnans:
        raise DataError(f"the table of {name!r} has a row without an id", "Remove it, or give it one.")
    known = _plain(pd.Index(table))
    if not known.is_unique:
        twice = known[known.duplicated()].unique()
        raise DataError(
            f"the table of {name!r} has {len(twice)} ids on more than one row, such as {twice[0]!r}",
            "Keep one row each.",
        )
    used = pd.Index(rows.cat.categories)
    if known.dtype != used.dtype and len(used) and len(known):
        known, used = pd.Index([str(i) for i in known], dtype=object), pd.Index([str(i) for i in used], dtype=object)
        rows = pd.Series(pd.Categorical.from_codes(rows.cat.codes, used), rows.index)
    if len(used) and not used.isin(known).any():
        raise DataError(
            f"no {name!r} of the log is in its table: the log has {_some(used[:1])}, the table {_some(known[:1])}",
            "Write the ids the same way in both files.",
        )
    return rows, known


def _some(levels: pd.Index) -> str:
    shown = ", ".join(repr(_native(level)) for level in levels[:4])
    return f"{shown} and {len(levels) - 4} more" if len(levels) > 4 else shown or "nothing"


def _native(level: Any) -> Any:
    return level.item() if isinstance(level, np.generic) else level
