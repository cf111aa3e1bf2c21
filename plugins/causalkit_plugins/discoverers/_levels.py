"""At which level two columns can be compared, and their correlations there.

A calendar column has as many units as weeks, however many rows repeat it. Two columns are compared
at the coarser of their levels, on the means of its units: a week's mean sales against the week's
weather, with n the number of weeks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.types import Variables

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
ROWS: tuple[str, ...] = ()
"""The level at which every row is a unit of its own."""


@dataclass
class Levels:
    """For every pair of columns, where to compare them and how many units there are.

    Parameters
    ----------
    of_pair : `[p, p]`, a position in `groups`; -1 where the two never vary at one level, as a
        calendar and an item attribute.
    units : `[p, p]`; NaN where `of_pair` is -1.
    groups : for each level, the unit of each row; None where rows are the units.
    """

    of_pair: Ints
    units: Floats
    groups: list[Ints | None] = field(default_factory=list)


def compare_at(variables: Variables, names: tuple[str, ...]) -> Levels:
    """The coarser level of every pair, one count for each two levels; `effective_n` gives the units."""
    own = [_level(variables, name) for name in names]
    first = {level: names[own.index(level)] for level in dict.fromkeys(own)}
    codes = {level: _codes(variables, level) for level in first}
    met = {(a, b): _coarser(a, b, codes) for a in first for b in first}
    used = list(dict.fromkeys(level for level in met.values() if level is not None))
    size = len(names)
    found = Levels(np.full((size, size), -1, np.intp), np.full((size, size), np.nan), [codes[u] for u in used])
    members = {level: np.array([at for at in range(size) if own[at] == level]) for level in first}
    for (a, b), level in met.items():
        if level is not None:
            where = np.ix_(members[a], members[b])
            found.of_pair[where] = used.index(level)
            found.units[where] = variables.effective_n(first[a], first[b])
    return found


def _level(variables: Variables, name: str) -> tuple[str, ...]:
    ids = tuple(sorted(variables.levels.get(name) or ()))
    if not ids or variables.units.empty or variables.units_of(name) == len(variables.table):
        return ROWS
    return ids


def _codes(variables: Variables, level: tuple[str, ...]) -> Ints | None:
    if level == ROWS:
        return None
    groups = variables.units.groupby(list(level), observed=True, sort=True, dropna=False)
    return groups.ngroup().to_numpy(np.intp)


def _coarser(
    a: tuple[str, ...], b: tuple[str, ...], codes: dict[tuple[str, ...], Ints | None]
) -> tuple[str, ...] | None:
    """The level that the other one fixes; None where neither does."""
    if a == b:
        return a
    left, right = codes[a], codes[b]
    if left is None or right is None:
        return b if left is None else a
    together = len(pd.DataFrame({"a": left, "b": right}).drop_duplicates())
    if together == right.max() + 1:
        return a
    return b if together == left.max() + 1 else None


def correlation_at(scores: Floats, group: Ints | None) -> Floats:
    """Correlations of the units' means, `[q, q]`; a column that does not vary there correlates with nothing."""
    if group is not None:
        count = np.bincount(group)
        scores = np.column_stack([np.bincount(group, column) / count for column in scores.T])
    centred = scores - scores.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    centred = np.where(spread > 1e-7, centred / np.maximum(spread, 1e-7), 0)
    correlation = centred.T @ centred / len(centred)
    np.fill_diagonal(correlation, 1)
    return np.asarray(correlation)
