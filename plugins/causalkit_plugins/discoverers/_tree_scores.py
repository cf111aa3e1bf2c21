"""Conditional tables with local structure: a column's levels are told apart only where that pays.

Among rows that are alike so far, a column is either the same whatever its other parents are, or one of them splits
the rows by all of its levels, and each part is looked at again. The score is the log of the sum over all such trees of
their prior times their marginal likelihood: a split is as likely beforehand as none, and each parent that is left is as
likely to make it. Trees are those of Friedman & Goldszmidt (1996, UAI) and Chickering, Heckerman & Meek (1997, UAI),
who search for one; the sum over all is as in context-tree weighting (Willems et al. 1995), by sums over the tables of
every subset of the parents. A leaf's likelihood is the mean of those under several strengths of its prior, since some
tables are close to deterministic and others are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from causalkit_plugins.discoverers._scores import CELLS, BDeu, Floats, Ints, Set

Counts = npt.NDArray[np.int64]
STRENGTHS = (0.25, 1.0, 4.0)
"""What multiplies the equivalent sample size, each as likely; chosen on simulated networks."""
LARGEST = 60_000
"""Cells of a table beyond which parents are told apart by all of their levels."""


class TreeBDeu(BDeu):
    """BDeu in the leaves of trees; see `BDeu` for the parameters.

    Graphs that are equivalent need not score the same, and there is no joint score of a set of columns.
    """

    def __init__(self, codes: npt.NDArray[np.int64], ess: float = 1.0, share: float = 1.0) -> None:
        super().__init__(codes, ess, share)
        self._found: dict[tuple[int, Set], float] = {}
        self._logs: dict[tuple[int, int], list[tuple[Floats, Floats]]] = {}

    def locals(self, child: int, parent_sets: Sequence[Set]) -> Floats:
        """The score of `child` given each set of parents."""
        alike: dict[tuple[int, ...], dict[Set, tuple[int, ...]]] = {}
        for parents in parent_sets:
            if (child, parents) not in self._found:
                ordered = tuple(sorted(parents, key=lambda j: (self.levels[j], j)))
                alike.setdefault(tuple(self.levels[list(ordered)].tolist()), {})[parents] = ordered
        for shape, sets in alike.items():
            values = self._of_shape(child, list(sets), np.array(list(sets.values()), np.intp), shape)
            self._found.update(zip(((child, one) for one in sets), values.tolist(), strict=True))
        return np.array([self._found[child, parents] for parents in parent_sets])

    def _of_shape(self, child: int, sets: list[Set], ordered: Ints, shape: tuple[int, ...]) -> Floats:
        """Sets of parents that have the same levels."""
        cells = float(np.prod(shape, dtype=float)) * int(self.levels[child])
        if cells > LARGEST:
            return super().locals(child, sets) - len(shape) * np.log(2)
        step = max(int(CELLS / 4 / max(cells, self.columns.shape[1], 1)), 1)
        parts = [self._trees(child, ordered[at : at + step], shape) for at in range(0, len(sets), step)]
        return np.concatenate(parts)

    def _trees(self, child: int, sets: Ints, shape: tuple[int, ...]) -> Floats:
        """The sum over trees, by what they have not yet split on: first nothing, last all parents."""
        counts = {frozenset[int](): self._counts(child, sets, shape)}
        trees: dict[frozenset[int], Floats] = {}
        for left in (frozenset(c) for k in range(len(shape) + 1) for c in combinations(range(1, len(shape) + 1), k)):
            if left:
                counts[left] = counts[left - {max(left)}].sum(axis=max(left), keepdims=True)
            trees[left] = self._leaf(counts[left], child)
            if left:
                splits = [trees[left - {axis}].sum(axis=axis, keepdims=True) for axis in left]
                split = np.logaddexp.reduce(splits, axis=0) - np.log(len(left))
                trees[left] = np.logaddexp(trees[left], split) - np.log(2)
        return trees[frozenset(range(1, len(shape) + 1))].reshape(len(sets))

    def _counts(self, child: int, sets: Ints, shape: tuple[int, ...]) -> Counts:
        """`[sets, *levels of the parents, levels of the child]`."""
        place = np.repeat(np.arange(len(sets))[:, None], self.columns.shape[1], axis=1)
        for column, levels in zip(sets.T, shape, strict=True):
            place = place * levels + self.columns[column]
        own = int(self.levels[child])
        whole = (len(sets), *shape, own)
        place = place * own + self.columns[child]
        return np.bincount(place.ravel(), minlength=int(np.prod(whole))).reshape(whole).astype(np.int64)

    def _leaf(self, counts: Counts, child: int) -> Floats:
        """The log marginal likelihood of each row of `counts`, as a leaf."""
        at = round(np.prod(counts.shape[1:-1], dtype=float)), int(self.levels[child])
        if at not in self._logs:
            self._logs[at] = [self._terms_of(strength * self.ess / at[0], at[1]) for strength in STRENGTHS]
        rows = counts.sum(axis=-1)
        means = [whole[rows] + each[counts].sum(axis=-1) for whole, each in self._logs[at]]
        return np.asarray(np.logaddexp.reduce(means, axis=0) - np.log(len(means)))

    def _terms_of(self, prior: float, levels: int) -> tuple[Floats, Floats]:
        """What 0, 1, … rows of a leaf add to its log likelihood: all of them, and those at one level of the child."""
        from scipy.special import gammaln

        rows, own = self.share * np.arange(self.columns.shape[1] + 1), prior / levels
        return gammaln(prior) - gammaln(rows + prior), gammaln(rows + own) - gammaln(own)
