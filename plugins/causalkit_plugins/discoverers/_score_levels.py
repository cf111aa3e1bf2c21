"""Which score a table gets, and how rows that repeat a unit are counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causalkit.types import Variables
from causalkit_plugins.discoverers._columns import Columns
from causalkit_plugins.discoverers._levels import Levels, compare_at, correlation_at
from causalkit_plugins.discoverers._scores import BDeu, Floats, GaussianBIC, LocalScores, Set

Bools = npt.NDArray[np.bool_]


def scores_of(columns: Columns, variables: Variables, ess: float) -> tuple[LocalScores, Bools]:
    """The scores of checked columns, and `[p, p]`, whether two of them vary at a level that both share."""
    levels = compare_at(variables, columns.names)
    rows = len(variables.table)
    at_level = [_at(columns, levels, level, rows, ess) for level in range(len(levels.groups))]
    if len(at_level) == 1:
        return at_level[0], levels.of_pair >= 0
    return Levelled(at_level, levels), levels.of_pair >= 0


def _at(columns: Columns, levels: Levels, level: int, rows: int, ess: float) -> LocalScores:
    """The scores at one level: of the means of its units, or with each row counted as a part of its unit."""
    units = min(_units(levels, level), rows)
    if columns.codes is not None:
        return BDeu(columns.codes, ess, units / rows)
    assert columns.scores is not None
    correlation = correlation_at(columns.scores, levels.groups[level])
    return GaussianBIC(correlation, units, columns.blocks)


def _units(levels: Levels, level: int) -> float:
    return float(np.nanmin(np.where(levels.of_pair == level, levels.units, np.nan), initial=np.inf))


class Levelled(LocalScores):
    """Scores of columns that vary at several levels, such as weeks and rows.

    A parent counts at the coarser of its own and the child's level, given the parents that vary at finer levels:
    a week's weather adds to sales what it adds to the weekly means, with as many units as weeks.

    Parameters
    ----------
    at_level : the scores at each level of `levels`.
    """

    def __init__(self, at_level: Sequence[LocalScores], levels: Levels) -> None:
        super().__init__(at_level[0].size)
        self.at_level = at_level
        self.of_pair = levels.of_pair
        units = [_units(levels, level) for level in range(len(at_level))]
        self.finest_first = [int(at) for at in np.argsort(np.negative(units), kind="stable")]

    def _joint(self, sets: npt.NDArray[np.intp]) -> Floats:
        raise NotImplementedError("scores of several levels have no joint score")

    def locals(self, child: int, parent_sets: Sequence[Set]) -> Floats:
        """The score of `child` given each set of parents."""
        found = np.zeros(len(parent_sets))
        own = int(self.of_pair[child, child])
        found += self.at_level[own].local(child, ())
        for at, level in enumerate(self.finest_first):
            finer = set(self.finest_first[:at])
            held = [tuple(j for j in s if int(self.of_pair[child, j]) in finer) for s in parent_sets]
            more = [tuple(j for j in s if int(self.of_pair[child, j]) in finer | {level}) for s in parent_sets]
            found += self.at_level[level].locals(child, more) - self.at_level[level].locals(child, held)
        return found
