"""Tests of tables that hold numbers and categories together."""

from __future__ import annotations

import numpy as np

from causalkit_plugins.discoverers._batches import Bools, EachVariable, Floats, Ints
from causalkit_plugins.discoverers._cluster_score import ClusterScore
from causalkit_plugins.discoverers._gaussian import WilksLambda
from causalkit_plugins.discoverers._missing_values import KnownZ, correlations
from causalkit_plugins.discoverers._residuals import Cells


class Mixed(EachVariable):
    """Numbers by partial correlation, categories by their indicators, two categories by residual scores.

    Where one of a pair is a number: partial correlations, or Wilks' lambda of indicators, which are right where the
    number is linear in what it is given. Two categories given a set: `ClusterScore`, in which each is regressed
    by strata or a logistic curve, since no line describes a share.

    Each test takes the rows that know all of its columns; of one with several indicators where some are missing,
    `ClusterScore` does.
    """

    scale = "partial correlation of the two (of categories: the largest of their levels, or sqrt(1 - lambda)),"

    def __init__(self, cells: Cells) -> None:
        self.linear = linear(cells)
        self.score = ClusterScore(cells)
        self.category = np.array([codes is not None for codes in cells.codes])
        self.several = np.array([len(block) > 1 for block in cells.blocks])
        self.lacking = np.array([bool(np.isnan(cells.values[:, block]).any()) for block in cells.blocks])

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P and strength, `[c, t]` each; NaN where it cannot be told."""
        p, strength = self.linear.measured(i, sets, targets)
        if not (self.lacking.any() or (self.category[i] and self.category[targets].any())):
            return p, strength
        p, strength = p.copy(), strength.copy()
        for at, given in enumerate(sets):
            by_score = np.flatnonzero(self._by_score(i, given, targets))
            if len(by_score):
                found = self.score.measured(i, given[None], targets[by_score])
                p[at, by_score], strength[at, by_score] = found[0][0], found[1][0]
        return p, strength

    def _by_score(self, i: int, given: Ints, targets: Ints) -> Bools:
        """For each target, whether the test is by residual scores."""
        categories = self.category[targets] & self.category[i] & bool(len(given))
        if not self.several.any():
            return np.asarray(categories)
        return np.asarray(categories | self.lacking[targets] | self.lacking[[i, *given]].any())


def linear(cells: Cells) -> EachVariable:
    """Partial correlations, or Wilks' lambda where a variable has several columns (and none is missing)."""
    if all(len(block) == 1 for block in cells.blocks):
        return KnownZ(cells.values[:, [int(block[0]) for block in cells.blocks]], cells.weights)
    r, counts = correlations(np.nan_to_num(cells.values), cells.weights)
    return WilksLambda(r, cells.blocks, float(counts[0, 0]))
