"""Where two columns of a log are compared: at which units, and which of those depend on each other.

A coin per user is the same on all of the user's rows, so it is compared with anything at the users: on the means of
their rows, with as many observations as users. Two columns neither of which fixes the other (a coin per user, one
per week) are compared at both, and the larger p counts. Two columns of rows are compared by row, where rows of one
user, item or week depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from causalkit.types import Variables
from causalkit_plugins.discoverers._batches import EachVariable, Floats, Ints
from causalkit_plugins.discoverers._cluster_score import FEWEST, ClusterScore
from causalkit_plugins.discoverers._columns import Columns
from causalkit_plugins.discoverers._mixed import Mixed
from causalkit_plugins.discoverers._residuals import Cells

Level = tuple[str, ...]
ROWS: Level = ()
"""The level at which every row is a unit of its own."""
_FLAT = 1e-7


@dataclass(frozen=True)
class Place:
    """Units at which columns are compared.

    Parameters
    ----------
    ids : whose combinations the units are; `ROWS`: the rows.
    unit : the unit of each row; None where rows are the units.
    clusters : for each id by which units depend on each other, the cluster of each unit; none: they do not.
    by : the names of those ids.
    within : ids of too few values to be clusters, by name, and which of them each unit has: they are held fixed.
    """

    ids: Level
    unit: Ints | None
    clusters: tuple[Ints, ...] = ()
    by: Level = ()
    within: dict[str, Ints] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """The units, and what they are clustered by, in words."""
        said = f"by {' × '.join(self.ids) or 'row'}"
        said += f", clustered by {' and '.join(self.by)}" if self.by else ""
        return said + (f", within each {' and '.join(self.within)}" if self.within else "")


@dataclass(frozen=True)
class Routes:
    """For each pair of columns, the one or two places where it is compared.

    Parameters
    ----------
    places : all of them.
    level : `[p]`, at which of the levels each column varies.
    met : `[levels, levels, 2]`, where columns of two levels meet; twice the same if at one place.
    """

    places: list[Place]
    level: Ints
    met: Ints

    def of(self, i: int, targets: Ints) -> Ints:
        """The places of i and each target, `[t, 2]`."""
        return np.asarray(self.met[self.level[i], self.level[targets]])

    @property
    def plain(self) -> bool:
        """Whether all is compared by row, and rows are independent."""
        return (
            len(self.places) == 1
            and self.places[0].unit is None
            and not (self.places[0].clusters or self.places[0].within)
        )


def routes(variables: Variables, names: tuple[str, ...]) -> Routes:
    """Where each pair of `names` is compared."""
    own = [_level(variables, name) for name in names]
    first = list(dict.fromkeys(own))
    codes = {level: _codes(variables, level) for level in first}
    at = {(a, b): _places_of(a, b, codes) for a in first for b in first}
    used = sorted({level for pair in at.values() for level in pair})
    met = np.array([[[used.index(level) for level in at[a, b]] for b in first] for a in first], np.intp)
    places = [_place(variables, level, codes[level]) for level in used]
    return Routes(places, np.array([first.index(level) for level in own], np.intp), met)


def _level(variables: Variables, name: str) -> Level:
    ids = tuple(sorted(variables.levels.get(name) or ()))
    if not ids or variables.units.empty or variables.units_of(name) == len(variables.table):
        return ROWS
    return ids


def _codes(variables: Variables, level: Level) -> Ints | None:
    if level == ROWS:
        return None
    groups = variables.units.groupby(list(level), observed=True, sort=True, dropna=False)
    return groups.ngroup().to_numpy(np.intp)


def _places_of(a: Level, b: Level, codes: dict[Level, Ints | None]) -> tuple[Level, Level]:
    left, right = codes[a], codes[b]
    if a == b or right is None:
        return a, a
    if left is None:
        return b, b
    together = len(pd.DataFrame({"a": left, "b": right}).drop_duplicates())
    if together == right.max() + 1:
        return a, a
    return (b, b) if together == left.max() + 1 else (a, b)


def _place(variables: Variables, level: Level, unit: Ints | None) -> Place:
    ids = variables.units
    if ids.empty:
        return Place(level, unit)
    if unit is not None:
        ids = ids.iloc[np.unique(unit, return_index=True)[1]]
    names = _dependent(variables, level, unit)
    found = {name: ids.groupby(name, observed=True, dropna=False).ngroup().to_numpy(np.intp) for name in names}
    repeating = {name: codes for name, codes in found.items() if 0 < codes.max(initial=0) < len(codes) - 1}
    kept = [name for name in repeating if not any(_within(repeating, name, o) for o in repeating if o != name)]
    few = [name for name in kept if repeating[name].max() + 1 < FEWEST]
    by = tuple(name for name in kept if name not in few)
    return Place(level, unit, tuple(repeating[name] for name in by), by, {name: repeating[name] for name in few})


def _dependent(variables: Variables, level: Level, unit: Ints | None) -> Level:
    """The ids by which units may depend on each other: the declared clusters where units lie within, else their own."""
    declared = tuple(name for name in variables.clusters if name in variables.units)
    if unit is None:
        return declared or tuple(sorted(variables.units.columns))
    within = variables.units[list(declared)].groupby(unit).nunique(dropna=False).to_numpy().max(initial=1) <= 1
    return declared if declared and within else level


def _within(codes: dict[str, Ints], a: str, b: str) -> bool:
    """Whether clusters of id `a` lie within those of `b`, which then say it all; of equal ones the first is kept."""
    pairs = len(pd.DataFrame({"a": codes[a], "b": codes[b]}).drop_duplicates())
    finer, coarser = codes[a].max() + 1, codes[b].max() + 1
    return pairs == finer and (finer > coarser or a > b)


def cells_at(columns: Columns, place: Place, weights: Floats | None) -> Cells:
    """The columns at a place: means of its units' rows; a category that varies within units is its levels' shares."""
    assert columns.scores is not None
    if place.unit is None:
        return Cells(columns.scores, columns.blocks, columns.categories, weights, tuple(place.within.values()))
    w = np.ones(len(place.unit)) if weights is None else weights
    means = np.column_stack([_mean(place.unit, column, w) for column in columns.scores.T])
    codes = [None if c is None else _constant(place.unit, c) for c in columns.categories]
    return Cells(_scaled(means), columns.blocks, codes, always=tuple(place.within.values()))


def _mean(unit: Ints, column: Floats, w: Floats) -> Floats:
    known = ~np.isnan(column)
    total = np.bincount(unit, w * known)
    mean = np.bincount(unit, w * np.where(known, column, 0)) / np.where(total > 0, total, 1)
    return np.where(total > 0, mean, np.nan)


def _constant(unit: Ints, codes: Ints) -> Ints | None:
    """The category of each unit, where its rows have one alone."""
    of_unit = np.zeros(unit.max() + 1, np.intp)
    of_unit[unit] = codes
    return of_unit if (of_unit[unit] == codes).all() else None


def _scaled(means: Floats) -> Floats:
    """Centred, of variance 1; what does not vary but for rounding is 0."""
    centred = means - np.nanmean(means, axis=0)
    spread = np.sqrt(np.nanmean(centred**2, axis=0))
    return np.asarray(np.where(spread > _FLAT, centred / np.maximum(spread, _FLAT), 0 * centred))


class Routed(EachVariable):
    """Each pair tested where its columns can be compared; where there are two places, the larger p counts.

    A pair of which either does not vary at a place where it must be compared cannot be told.
    """

    scale = "partial correlation at the units where the two are compared"

    def __init__(self, columns: Columns, variables: Variables, found: Routes) -> None:
        self.routes = found
        cells = [cells_at(columns, place, variables.weights) for place in found.places]
        self.tests: list[EachVariable] = [
            ClusterScore(c, place.clusters) if place.clusters or place.within else Mixed(c)
            for c, place in zip(cells, found.places, strict=True)
        ]
        self.varies = np.array([[bool(np.nan_to_num(c.values[:, b]).any()) for b in c.blocks] for c in cells])

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P and strength, `[c, t]` each; NaN where it cannot be told."""
        p = np.full((len(sets), len(targets)), -1.0)
        strength = np.full(p.shape, np.inf)
        for at, test in enumerate(self.tests):
            places = self.routes.of(i, targets)
            here = np.flatnonzero((places == at).any(axis=1))
            if not len(here):
                continue
            told, size = test.measured(i, sets, targets[here])
            crossing = places[here, 0] != places[here, 1]
            flat = crossing & ~(self.varies[at, i] & self.varies[at, targets[here]])
            p[:, here] = np.maximum(p[:, here], np.where(flat, np.nan, told))
            strength[:, here] = np.minimum(strength[:, here], size)
        return p, np.where(np.isnan(p), np.nan, strength)
