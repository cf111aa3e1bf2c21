"""A table as another library's search takes it: plain numbers, in an order that only the values decide."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.errors import DataError
from causalkit.types import Variables
from causalkit_plugins.discoverers._columns import is_discrete
from causalkit_plugins.discoverers._plain import plain

__all__ = ["ForeignTable", "read_table"]

Floats = npt.NDArray[np.float64]
_SAME = 1e-9
"""Of a column's variance, what is left when the columns before it are held fixed, below which it follows from them."""


@dataclass
class ForeignTable:
    """Columns that take part, and what was left out.

    Parameters
    ----------
    names : in the order of `values`, which the values decide and neither names nor places.
    values : `[n, p]`; standardised numbers, or codes 0, 1 … where `discrete`. Rows are sorted, so that the same
        rows in another order are the same array, bit by bit.
    discrete : whether `values` are codes.
    units : for each column how many units it varies over; fewer than n where rows repeat it.
    notes : columns left out, and why.
    """

    names: tuple[str, ...]
    values: Floats
    discrete: bool
    units: npt.NDArray[np.int64]
    notes: list[str] = field(default_factory=list)


def read_table(variables: Variables, discrete: bool | None, what: str, leave_words: bool = False) -> ForeignTable:
    """The columns of `variables` for a method called `what`.

    Parameters
    ----------
    discrete
        True for a method of discrete columns alone, False for one of numbers, None for either.
    leave_words
        Whether words without an order are left out, with a note, where the method takes numbers.

    Raises
    ------
    DataError : too few rows, missing or infinite values, columns that the method does not take; each column named.
    """
    names = sorted(variables.names)
    if len(set(names)) < len(names):
        raise DataError(f"discovery got two columns of one name: {names}", "Give each column a name of its own.")
    if len(variables.table) <= len(names) + 3:
        raise DataError(
            f"{what} has {len(variables.table)} rows for {len(names)} columns",
            "Give it more rows than columns: a finer unit, a longer log, or fewer columns.",
        )
    variables.check()
    variables = plain(variables)
    _refuse_missing(variables, names, what)
    table = variables.table
    constant = [name for name in names if len(table[name].unique()) <= 1]
    kept = [name for name in names if name not in constant]
    notes = [f"not tested, constant: {', '.join(constant)}"] if constant else []
    few = [name for name in kept if is_discrete(table[name], variables[name].kind)]
    coded = discrete is not False and len(few) == len(kept) and bool(kept)
    if discrete and not coded:
        raise DataError(
            f"{what} takes discrete columns alone, and these are not: {', '.join(n for n in kept if n not in few)}",
            "Choose test: auto and score: auto, or declare them categorical (whole numbers, at most 20 of them).",
        )
    columns = {name: _codes(table[name]) if name in few else _numbers(table[name]) for name in kept}
    if not coded:
        words = [name for name in few if columns[name].max() > 1 and not _is_ordered(variables.table[name])]
        notes += _left_out(words, what, leave_words)
        kept = [name for name in kept if name not in words]
    first = [name for name in dict.fromkeys((variables.treatment, variables.outcome)) if name and name in kept]
    order = first + [name for name in kept if name not in first]
    left = _copies(columns, order) if coded else _follow(columns, order)
    notes += [f"not tested: {name} {why}" for name, why in left.items()]
    names = _by_values({name: columns[name] for name in kept if name not in left})
    values = np.column_stack([columns[name] for name in names]) if names else np.empty((len(table), 0))
    values = values[np.lexsort(values.T[::-1])] if names else values
    units = np.array([variables.units_of(name) for name in names], np.int64)
    return ForeignTable(tuple(names), values if coded else _standard(values), coded, units, notes)


def _refuse_missing(variables: Variables, names: Sequence[str], what: str) -> None:
    said = []
    for name in names:
        column = variables.table[name]
        missing = column.isna()
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            missing = missing | ~np.isfinite(column.to_numpy(np.float64, na_value=np.nan))
        if missing.any():
            said.append(f"{name} ({int(missing.sum())})")
    if said:
        raise DataError(
            f"{what} needs finite numbers; missing or infinite in {', '.join(said)}",
            "Fill or drop them under `clean:`, leave the column out, or use pc, which tests pairs of what is there.",
        )


def _is_ordered(column: pd.Series[str]) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return bool(column.cat.ordered)
    return bool(pd.api.types.is_numeric_dtype(column))


def _codes(column: pd.Series[str]) -> Floats:
    """0, 1 … by the order of an ordered column's levels, else by their text."""
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        return np.unique(column.cat.codes.to_numpy(), return_inverse=True)[1].astype(np.float64)
    if pd.api.types.is_numeric_dtype(column):
        return np.unique(column.to_numpy(np.float64), return_inverse=True)[1].astype(np.float64)
    return np.unique(column.astype(str).to_numpy(), return_inverse=True)[1].astype(np.float64)


def _numbers(column: pd.Series[float]) -> Floats:
    values = column.to_numpy(np.float64)
    return values / np.abs(values).max()  # before squaring: 1e308 must not overflow


def _left_out(words: Sequence[str], what: str, leave: bool) -> list[str]:
    """A note on columns of words; raises where they may not be left out."""
    if not words:
        return []
    if leave:
        return [
            f"not tested, words without an order: {', '.join(words)}; what they cause counts as having no cause here"
        ]
    raise DataError(
        f"{what} takes numbers here, and these columns are words without an order: {', '.join(words)}",
        "Set words: leave-out, give them an order, make each level a column of 0 and 1, or use pc, which takes both.",
    )


def _copies(columns: dict[str, Floats], order: Sequence[str]) -> dict[str, str]:
    """Discrete columns that split the rows as an earlier one does."""
    seen: dict[bytes, str] = {}
    left = {}
    for name in order:
        key = pd.factorize(columns[name])[0].tobytes()
        if key in seen:
            left[name] = f"says the same as {seen[key]}"
        seen.setdefault(key, name)
    return left


def _follow(columns: dict[str, Floats], order: Sequence[str]) -> dict[str, str]:
    """Numbers that are a linear function of earlier columns: no matrix of theirs can be inverted."""
    basis: list[Floats] = []
    left = {}
    for name in order:
        rest = _standard(columns[name][:, None])[:, 0]
        for other in (*basis, *basis):  # twice, for rounding
            rest = rest - other * float(other @ rest)
        if float(rest @ rest) / len(rest) < _SAME:
            left[name] = "follows from the columns before it"
        else:
            basis.append(rest / np.sqrt(float(rest @ rest)))
    return left


def _standard(values: Floats) -> Floats:
    centred = values - values.mean(axis=0) if len(values) else values
    spread = centred.std(axis=0) if len(values) else np.ones(values.shape[1])
    return np.asarray(centred / np.where(spread > 0, spread, 1), np.float64)


def _by_values(columns: dict[str, Floats]) -> list[str]:
    """Names in an order that their values decide; where two columns cannot be told apart, by name."""

    def digest(*together: Floats) -> bytes:
        stacked = np.column_stack(together)
        return hashlib.sha256(np.ascontiguousarray(stacked[np.lexsort(stacked.T[::-1])]).tobytes()).digest()

    own = {name: digest(values) for name, values in columns.items()}
    alike = {name for name in own if list(own.values()).count(own[name]) > 1}

    def key(name: str) -> tuple[bytes, list[bytes], str]:
        beside = sorted(digest(columns[name], columns[n]) for n in columns if n != name) if name in alike else []
        return own[name], beside, name

    return sorted(columns, key=key)
