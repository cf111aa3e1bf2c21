"""Contingency tables of discrete columns, very many at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from causalkit_plugins.discoverers._batches import Bools, Floats, Ints

_CELLS = 4_000_000
"""Numbers in the largest array held at once, a row of the data aside."""
_WIDEST = 6000
"""Levels of all columns together up to which the counts of every two are kept (144 MB)."""


@dataclass(frozen=True)
class Tables:
    """Tables of one variable by others, in strata: counts, and which columns and strata are whose.

    Parameters
    ----------
    counts : `[strata, own, width]`: the levels of all targets stand side by side in `width`.
    starts : `[t]`, where each target's levels begin.
    of_set : `[c]`, where each set's strata begin.
    """

    counts: Floats
    starts: Ints
    of_set: Ints

    def g2(self, n_log_n: Floats) -> Floats:
        """G² of each set and target, `[c, t]`; `n_log_n[k]` is k log k."""
        own, by_target = self._own(), self.counts.sum(axis=1)
        joint = n_log_n[self.counts.astype(np.intp)].sum(axis=1) - n_log_n[by_target.astype(np.intp)]
        rest = n_log_n[own.sum(axis=1).astype(np.intp)] - n_log_n[own.astype(np.intp)].sum(axis=1)
        by_stratum = np.add.reduceat(joint, self.starts, axis=1) + rest[:, None]
        return np.asarray(2 * np.add.reduceat(by_stratum, self.of_set, axis=0))

    def chi2(self, centred: bool = False) -> Floats:
        """Pearson's χ² of each set and target, `[c, t]`.

        `centred`: times (n - 1) / n of each stratum, whose mean given the margins is its degrees of freedom, however
        small the counts (Haldane 1940, Biometrika 31).
        """
        own, by_target = self._own(), self.counts.sum(axis=1)
        total = own.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = own[:, :, None] * (by_target / total[:, None])[:, None, :]
            cells = self.counts**2 / expected
        cells[~(self.counts > 0)] = 0
        by_stratum = np.add.reduceat(cells.sum(axis=1), self.starts, axis=1) - total[:, None]
        if centred:
            by_stratum *= (1 - 1 / np.maximum(total, 1))[:, None]
        return np.asarray(np.add.reduceat(by_stratum, self.of_set, axis=0))

    def freedom(self) -> Floats:
        """Degrees of freedom, over the levels that occur in each stratum, `[c, t]`."""
        own = (self._own() > 0).sum(axis=1)
        seen = np.add.reduceat(self.counts.any(axis=1).astype(np.float32), self.starts, axis=1)
        by_stratum = np.maximum(own - 1, 0)[:, None] * np.maximum(seen - 1, 0)
        return np.asarray(np.add.reduceat(by_stratum, self.of_set, axis=0))

    def _own(self) -> Floats:
        """`[strata, own]`, counts of the variable itself, which the levels of any one target add up to."""
        end = self.starts[1] if len(self.starts) > 1 else None
        return np.asarray(self.counts[:, :, :end].sum(axis=2))


def _same(first: Ints, second: Ints) -> bool:
    return len(first) == len(second) and bool((first == second).all())


def _n_log_n(most: int) -> Floats:
    count = np.arange(most + 1, dtype=float)
    return np.asarray(count * np.log(np.maximum(count, 1)))


class Counter:
    """Counts tables of integer columns.

    Parameters
    ----------
    codes : `[n, p]`, levels from 0.
    """

    def __init__(self, codes: npt.NDArray[np.int64]) -> None:
        self.levels = codes.max(axis=0, initial=0) + 1
        small = np.min_scalar_type(int(self.levels.max(initial=1)))
        self.columns = np.ascontiguousarray(codes.T, small)
        self.rows = len(codes)
        self.n_log_n = _n_log_n(self.rows)
        self.pairs: npt.NDArray[np.int32] | None = None

    def given_nothing(self, first: Ints, second: Ints) -> Iterator[tuple[Ints, Tables]]:
        """Tables of each of `first` by every one of `second`, some of `first` at a time: which, and theirs.

        One-hot columns multiplied: an entry of the product counts the rows at two levels.
        """
        if self.pairs is None and len(first) > 1 and int(self.levels.sum()) <= _WIDEST:
            every = np.arange(len(self.levels))
            self.pairs = self._product(every, every, np.arange(self.rows)).astype(np.int32)
        starts, width = self._side_by_side(second)
        step = max(1, _CELLS // max(width * int(self.levels[first].max()), 1))
        for at in range(0, len(first), step):
            some = first[at : at + step]
            product = self._whole(some, second)
            ends = np.cumsum(self.levels[some])
            most = int(self.levels[some].max())
            counts = np.zeros((len(some), most, width))
            for place, end in enumerate(ends):
                size = int(self.levels[some[place]])
                counts[place, :size] = product[end - size : end]
            yield np.arange(at, at + len(some)), Tables(counts, starts, np.arange(len(some)))

    def given_one(self, i: int, given: Ints, targets: Ints) -> Tables:
        """Tables of i by every target, given each one of `given`.

        Within the rows at one level of i, the product of the one-hot columns of targets and of given has
        the counts of every level of every target at every level of every one that is given.
        """
        starts, width = self._side_by_side(targets)
        of_set, strata = self._side_by_side(given)
        at_level = [np.flatnonzero(self.columns[i] == level) for level in range(int(self.levels[i]))]
        most = max(range(len(at_level)), key=lambda level: len(at_level[level]))
        counts = np.zeros((len(at_level), strata, width))
        for level, rows in enumerate(at_level):
            if level != most and len(rows):
                counts[level] = self._product(given, targets, rows)
        counts[most] = self._whole(given, targets) - counts.sum(axis=0)  # what the other levels leave
        return Tables(counts.swapaxes(0, 1), starts, of_set)

    def given_several(self, i: int, sets: Ints, targets: Ints) -> Iterator[tuple[Ints, Tables]]:
        """Tables of i by every target given sets of any size, some sets at a time: which, and theirs."""
        columns, weight = self._alike(np.unique(np.concatenate([[i], targets, sets.ravel()])))
        starts, width = self._side_by_side(targets)
        shifted = np.stack([columns[t] for t in targets.tolist()], axis=1) + starts
        strata = [self._strata(columns, given) for given in sets.tolist()]
        own = int(self.levels[i])
        most = max(count for _, count in strata)
        step = max(1, _CELLS // max(shifted.size, most * own * width))
        for at in range(0, len(sets), step):
            some = strata[at : at + step]
            ends = np.cumsum([count for _, count in some])
            of_set = ends - [count for _, count in some]
            stratum = np.stack([code for code, _ in some]) + of_set[:, None]
            cell = (stratum * own + columns[i])[:, :, None] * width + shifted
            weights = None if weight is None else np.broadcast_to(weight[None, :, None], cell.shape).ravel()
            counts = np.bincount(cell.ravel(), weights, int(ends[-1]) * own * width).astype(float)
            yield np.arange(at, at + len(some)), Tables(counts.reshape(-1, own, width), starts, of_set)

    def _side_by_side(self, variables: Ints) -> tuple[Ints, int]:
        ends = np.cumsum(self.levels[variables])
        return np.asarray(ends - self.levels[variables]), int(ends[-1])

    def _whole(self, first: Ints, second: Ints) -> Floats:
        """`_product`, out of the counts of every two columns where they are kept."""
        if self.pairs is None:
            return self._product(first, second, np.arange(self.rows))
        return self.pairs[np.ix_(self._places(first), self._places(second))].astype(float)

    def _places(self, variables: Ints) -> Ints:
        """Where the levels of `variables` stand among those of all columns."""
        sizes = self.levels[variables]
        within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.asarray(np.repeat((np.cumsum(self.levels) - self.levels)[variables], sizes) + within)

    def _product(self, first: Ints, second: Ints, among: Ints) -> Floats:
        """One-hot columns of `first` times those of `second` among some rows: counts `[width, width]`."""
        widths = int(self.levels[first].sum()), int(self.levels[second].sum())
        total = np.zeros(widths)
        for rows in self._parts(among, max(widths)):
            left = self._one_hot(first, rows)
            total += left @ (left if _same(first, second) else self._one_hot(second, rows)).T
        return total

    def _parts(self, rows: Ints, width: int) -> Iterator[Ints]:
        """`rows` by as many as one-hot columns of `width` may have; float32 counts exactly as far as 2**24."""
        step = max(1, min(_CELLS // width, 1 << 23))
        return (rows[at : at + step] for at in range(0, len(rows), step))

    def _one_hot(self, variables: Ints, rows: Ints) -> npt.NDArray[np.float32]:
        """`[width, rows]`, 1 where a row is at the level."""
        sizes = self.levels[variables]
        level = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        some = self.columns[variables].take(rows, axis=1)
        is_at: Bools = np.repeat(some, sizes, axis=0) == level.astype(some.dtype)[:, None]
        return is_at.astype(np.float32)

    def _alike(self, variables: Ints) -> tuple[dict[int, Ints], Ints | None]:
        """Columns of `variables`, rows that agree in all of them once, and how often; None where few do."""
        columns = {v: self.columns[v].astype(np.intp) for v in variables.tolist()}
        if prod(self.levels[variables].tolist()) >= self.rows:
            return columns, None
        key = np.zeros(self.rows, np.intp)
        for v in columns:
            key = key * int(self.levels[v]) + columns[v]
        count = np.bincount(key)
        kept = np.flatnonzero(count)
        weight, rest = count[kept], kept
        for v in reversed(columns):
            columns[v], rest = rest % int(self.levels[v]), rest // int(self.levels[v])
        return columns, weight

    def _strata(self, columns: dict[int, Ints], given: list[int]) -> tuple[Ints, int]:
        """Each row's stratum, and how many strata there are; empty ones are squeezed out where they are many."""
        stratum = np.zeros(len(columns[given[0]]), np.intp)
        count = 1
        for column in given:
            stratum = stratum * int(self.levels[column]) + columns[column]
            count *= int(self.levels[column])
            if count > len(stratum):
                found, stratum = np.unique(stratum, return_inverse=True)
                count = len(found)
        return stratum, count
