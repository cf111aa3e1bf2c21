"""Scores of graphs that add up over nodes: each node's fit to its parents, cached, computed in batches.

Every score here is a difference of one function of sets of columns,

    local(child, parents) = joint(parents + child) - joint(parents),

so that equivalent graphs score the same, and one table of counts serves every child of its columns.

Use: `scores = BDeu(codes)` or `GaussianBIC(correlation, n, blocks)`; then `scores.local(child, parents)`,
`scores.locals(child, parent_sets)` (many at once: the quick way), and `scores.graph_score(parents_of)`. Nodes are
positions, parents sorted tuples of positions. A prior is added by whoever searches, not here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Set = tuple[int, ...]
CELLS = 4_000_000
"""About how many numbers a batch holds at once."""


class LocalScores(ABC):
    """Natural logs, up to a constant: a difference of two graphs' scores is the log of their Bayes factor, or near it.

    Parameters
    ----------
    size : how many nodes there are.

    `notes` say how the rows were counted, where that needs saying.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.notes: tuple[str, ...] = ()
        self._known: dict[Set, float] = {(): 0.0}

    @abstractmethod
    def _joint(self, sets: Ints) -> Floats:
        """The joint score of each row of `sets`, `[m, k]` positions in order, k at least 1."""

    def joint(self, sets: Sequence[Set]) -> Floats:
        """The joint score of each set of nodes (sorted tuples), `[len(sets)]`."""
        new: dict[int, dict[Set, None]] = {}
        for one in sets:
            if one not in self._known:
                new.setdefault(len(one), {})[one] = None
        for wanted in new.values():
            rows = list(wanted)
            self._known.update(zip(rows, self._joint(np.array(rows, np.intp)).tolist(), strict=True))
        return np.array([self._known[one] for one in sets])

    def locals(self, child: int, parent_sets: Sequence[Set]) -> Floats:
        """The score of `child` given each set of parents."""
        families = self.joint([tuple(sorted((*parents, child))) for parents in parent_sets])
        possible = np.isfinite(families)
        return np.where(possible, families, 0.0) - np.where(possible, self.joint(parent_sets), np.inf)

    def local(self, child: int, parents: Iterable[int]) -> float:
        """The score of `child` given `parents`."""
        return float(self.locals(child, [tuple(sorted(parents))])[0])

    def graph_score(self, parents_of: Mapping[int, Iterable[int]] | Sequence[Iterable[int]]) -> float:
        """The score of the graph in which node i has `parents_of[i]`."""
        return sum(self.local(i, parents_of[i]) for i in range(self.size))


class BDeu(LocalScores):
    """The marginal likelihood of discrete columns under a uniform Dirichlet prior (Heckerman et al. 1995, eq. 28).

    Parameters
    ----------
    codes : `[n, p]`, levels from 0.
    ess : equivalent sample size of the prior: how many rows it is worth.
    share : how many units stand behind a row, where rows repeat them: what a row counts.
    """

    def __init__(self, codes: npt.NDArray[np.int64], ess: float = 1.0, share: float = 1.0) -> None:
        super().__init__(codes.shape[1])
        self.columns = np.ascontiguousarray(codes.T)
        self.levels = np.asarray(codes.max(axis=0, initial=0) + 1, np.int64)
        self.ess = ess
        self.share = share
        self._known[()] = float(self._terms(np.array([len(codes)]), np.ones(1))[0])

    def _joint(self, sets: Ints) -> Floats:
        rows = self.columns.shape[1]
        cells = np.prod(self.levels[sets].astype(float), axis=1)
        found = np.empty(len(sets))
        few = np.flatnonzero(cells <= max(4 * rows, 64))
        step = max(CELLS // (5 * max(rows, 1)), 1)
        for start in range(0, len(few), step):
            chunk = few[start : start + step]
            found[chunk] = self._dense(sets[chunk], cells[chunk])
        for at in np.flatnonzero(cells > max(4 * rows, 64)):
            found[at] = self._sparse(sets[at], cells[at])
        return found

    def _dense(self, sets: Ints, cells: Floats) -> Floats:
        """Sets whose tables are small: all tables side by side in one count."""
        starts = np.concatenate([[0], np.cumsum(cells)]).astype(np.int64)
        place = self.columns[sets[:, 0]]
        for column in sets.T[1:]:
            place = place * self.levels[column][:, None] + self.columns[column]
        counts = np.bincount((place + starts[:-1, None]).ravel(), minlength=starts[-1])
        filled = np.flatnonzero(counts)
        owner = np.searchsorted(starts, filled, side="right") - 1
        return np.bincount(owner, self._terms(counts[filled], cells[owner]), len(sets))

    def _sparse(self, one: Ints, cells: float) -> float:
        """A set with more cells than rows: only those that occur are counted."""
        place = self.columns[one[0]]
        for column in one[1:]:
            place = np.unique(place * self.levels[column] + self.columns[column], return_inverse=True)[1]
        return float(self._terms(np.bincount(place), np.asarray(cells)).sum())

    def _terms(self, counts: npt.NDArray[np.int64], cells: Floats) -> Floats:
        from scipy.special import gammaln

        prior = self.ess / cells
        return np.asarray(gammaln(self.share * counts + prior) - gammaln(prior))


class GaussianBIC(LocalScores):
    """BIC of linear Gaussian columns; of blocks of columns, the degenerate Gaussian score (Andrews et al. 2019).

    A categorical is a block of indicators, taken as if Gaussian. Half of the usual BIC, so that it nears a log
    marginal likelihood.

    Parameters
    ----------
    correlation : `[q, q]`, of all columns.
    n : rows behind it.
    blocks : the columns of each node; one each, where it is not given.
    penalty : what multiplies the usual log(n) / 2 for each parameter.

    A set of half as many columns as rows, or more, scores minus infinity, but for a node alone.
    """

    def __init__(
        self, correlation: Floats, n: float, blocks: Sequence[Ints] | None = None, penalty: float = 1.0
    ) -> None:
        self.blocks = [np.array([i]) for i in range(len(correlation))] if blocks is None else list(blocks)
        super().__init__(len(self.blocks))
        self.correlation = correlation
        self.n = n
        self.price = penalty * np.log(max(n, 2)) / 2
        self.width = np.array([len(block) for block in self.blocks], np.intp)

    def _joint(self, sets: Ints) -> Floats:
        found = np.empty(len(sets))
        widths = self.width[sets].sum(axis=1)
        for width in np.unique(widths):
            where = np.flatnonzero(widths == width)
            step = max(CELLS // int(width) ** 2, 1)
            for start in range(0, len(where), step):
                chunk = where[start : start + step]
                found[chunk] = self._of_width(sets[chunk], int(width))
        return found

    def _of_width(self, sets: Ints, width: int) -> Floats:
        columns = np.array([np.concatenate([self.blocks[i] for i in one]) for one in sets], np.intp)
        part = self.correlation[columns[:, :, None], columns[:, None, :]]
        sign, log_volume = np.linalg.slogdet(part)
        possible = (sign > 0) & (width < self.n / 2)
        fit = np.where(possible, -self.n / 2 * np.where(possible, log_volume, 0), -np.inf if sets.shape[1] > 1 else 0)
        return np.asarray(fit - self.price * width * (width + 1) / 2)
