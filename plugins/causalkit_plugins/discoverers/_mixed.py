"""Tests of tables that hold numbers and categories together."""

from __future__ import annotations

import numpy as np

from causalkit_plugins.discoverers._batches import EachVariable, Floats, Ints
from causalkit_plugins.discoverers._gaussian import WilksLambda
from causalkit_plugins.discoverers._levels import Levels
from causalkit_plugins.discoverers._pairwise import PairwiseZ, correlations, positive
from causalkit_plugins.discoverers._residuals import Cells
from causalkit_plugins.discoverers._score import ClusterScore


class Mixed(EachVariable):
    """Numbers by partial correlation, categories by their indicators, two categories by residual scores.

    Where one of a pair is a number: partial correlations, or Wilks' lambda of indicators, which are right where the
    number is linear in what it is given. Two categories given a set: `ClusterScore`, in which each is regressed
    by strata or a logistic curve, since no line describes a share.

    Where numbers are missing, a test given a set that any row lacks is a `ClusterScore` too, on the rows that know
    all of its columns.
    """

    scale = "partial correlation of the two (of categories: the largest of their levels, or sqrt(1 - lambda)),"

    def __init__(self, cells: Cells) -> None:
        r, counts = correlations(cells.values, cells.weights)
        self.shrunk = positive(r)[1]
        self.linear = linear(cells, positive(r)[0], counts)
        self.score = ClusterScore(cells)
        self.category = np.array([codes is not None for codes in cells.codes])
        self.lacking = np.array([bool(np.isnan(cells.values[:, block]).any()) for block in cells.blocks])

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P and strength, `[c, t]` each; NaN where it cannot be told."""
        p, strength = self.linear.measured(i, sets, targets)
        p, strength = p.copy(), strength.copy()
        if sets.shape[1] == 0:
            return p, strength
        for at, given in enumerate(sets):
            lacks = self.lacking[targets] | self.lacking[i] | self.lacking[given].any()
            by_score = np.flatnonzero(lacks | (self.category[targets] & self.category[i]))
            if len(by_score):
                found = self.score.measured(i, given[None], targets[by_score])
                p[at, by_score], strength[at, by_score] = found[0][0], found[1][0]
        return p, strength


def linear(cells: Cells, r: Floats, counts: Floats) -> EachVariable:
    """Partial correlations, or Wilks' lambda where a variable has several columns."""
    first = np.array([block[0] for block in cells.blocks])
    if all(len(block) == 1 for block in cells.blocks):
        return PairwiseZ(r[np.ix_(first, first)], counts[np.ix_(first, first)])
    units = counts[np.ix_(first, first)]
    return WilksLambda([r], cells.blocks, Levels(np.zeros(units.shape, np.intp), units))
