"""Many tests of independence at once: what a search asks, and what a test answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

Test = Callable[[int, Ints, Ints], Floats]
"""`test(i, sets [c, l], targets [t]) → p [c, t]`: is i independent of each target given each set?
NaN where it cannot be told, as where the target is in the set."""


@dataclass(frozen=True)
class Batch:
    """Tests of m variables with as many neighbours each: every target given every set.

    Parameters
    ----------
    i : `[m]`, the variables; one may come several times.
    pool : `[m, d]`, what the sets are drawn from; the same wherever a variable comes again.
    places : `[c, l]`, c sets of l positions in the pool; the same for all m.
    targets : `[m, t]`.
    """

    i: Ints
    pool: Ints
    places: Ints
    targets: Ints

    @property
    def level(self) -> int:
        """How many variables a set has."""
        return int(self.places.shape[1])

    @property
    def sets(self) -> Ints:
        """`[m, c, l]`, the sets themselves."""
        return self.pool[:, self.places]


@dataclass(frozen=True)
class Weakest:
    """Of each variable and target, `[m, t]`, the set that leaves the least dependence.

    `p` is NaN where no set can tell; `strength` is the dependence given that set, on the test's own
    scale (NaN where the test has none); `place` a row of `Batch.places`; `untold` how many tests of
    the batch could not be made, those with the target in the set aside.
    """

    p: Floats
    strength: Floats
    place: Ints
    untold: int


@runtime_checkable
class BatchTest(Protocol):
    """A test that takes batches; `cells` says about how many tests it likes in one."""

    cells: int

    def marginal(self, i: Ints, j: Ints) -> tuple[Floats, Floats]:
        """P and strength `[n]` of i and j given nothing."""
        ...

    def weakest(self, batch: Batch) -> Weakest:
        """The set of greatest p for each variable and target."""
        ...

    def separating(self, batch: Batch, alpha: float) -> Bools:
        """`[m, c, t]`: whether p is above `alpha`; False where it cannot be told."""
        ...


class EachVariable:
    """A test that takes one variable at a time, as a `BatchTest`; subclasses give `measured`."""

    cells = 50_000

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P and strength, `[c, t]` each, of i and `targets` given `sets` (`[c, l]`); NaN where it cannot be told."""
        raise NotImplementedError

    def __call__(self, i: int, sets: Ints, targets: Ints) -> Floats:
        return self.measured(i, sets, targets)[0]

    def marginal(self, i: Ints, j: Ints) -> tuple[Floats, Floats]:
        """P and strength `[n]` of i and j given nothing."""
        p, strength = np.empty(len(i)), np.empty(len(i))
        nothing = np.empty((1, 0), np.intp)
        for one in np.unique(i):
            at = i == one
            first, second = self.measured(int(one), nothing, j[at])
            p[at], strength[at] = first[0], second[0]
        return p, strength

    def weakest(self, batch: Batch) -> Weakest:
        """The set of greatest p for each variable and target."""
        sets, targets = batch.sets, batch.targets
        p, strength = np.empty((2, len(batch.i), len(batch.places), targets.shape[1]))
        for row, i in enumerate(batch.i.tolist()):
            p[row], strength[row] = self.measured(i, sets[row], targets[row])
        inside = (sets[:, :, :, None] == targets[:, None, None]).any(axis=2)
        p[inside] = np.nan
        unclear = np.isnan(p)
        place = np.where(unclear, -1, p).argmax(axis=1)
        p, strength = (np.take_along_axis(of, place[:, None], axis=1)[:, 0] for of in (p, strength))
        return Weakest(p, strength, place, int(unclear.sum() - inside.sum()))

    def separating(self, batch: Batch, alpha: float) -> Bools:
        """`[m, c, t]`: whether p is above `alpha`; False where it cannot be told."""
        apart = np.empty((len(batch.i), len(batch.places), batch.targets.shape[1]), bool)
        for i in np.unique(batch.i):  # a variable may come in several rows, with the same pool
            rows = np.flatnonzero(batch.i == i)
            told, _ = self._outside(int(i), batch.pool[rows[0], batch.places], batch.targets[rows].ravel())
            apart[rows] = (told > alpha).reshape(len(batch.places), len(rows), -1).swapaxes(0, 1)
        return apart

    def _outside(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """`measured`, with NaN where a target is in the set."""
        p, strength = self.measured(i, sets, targets)
        return np.where((sets[:, :, None] == targets).any(axis=1), np.nan, p), strength


@dataclass
class Plain(EachVariable):
    """A bare function as a `BatchTest`; it has no strengths."""

    test: Test

    def measured(self, i: int, sets: Ints, targets: Ints) -> tuple[Floats, Floats]:
        """P by the function, strength NaN."""
        p = np.asarray(self.test(i, sets, targets), float)
        return p, np.full(p.shape, np.nan)


def as_batch_test(test: Test | BatchTest) -> BatchTest:
    """`test` itself where it takes batches, else a wrapping that does."""
    return test if isinstance(test, BatchTest) else Plain(test)


@dataclass(frozen=True)
class Lists:
    """Lists of variables, one a row, each in `members[row, : sizes[row]]`."""

    members: Ints
    sizes: Ints

    @classmethod
    def of(cls, matrix: Bools) -> Lists:
        """The columns that are true in each row."""
        sizes = matrix.sum(axis=1)
        rows, columns = np.nonzero(matrix)
        members = np.zeros((len(matrix), int(sizes.max(initial=0))), np.intp)
        members[rows, np.arange(len(rows)) - (np.cumsum(sizes) - sizes)[rows]] = columns
        return cls(members, sizes)

    def take(self, rows: Ints) -> Lists:
        """Some of the rows, in the order asked."""
        return Lists(self.members[rows], self.sizes[rows])


def in_batches(
    i: Ints, pools: Lists, targets: Lists, level: int, cells: int, most_sets: int
) -> Iterator[tuple[Ints, Batch]]:
    """Every test of `i[row]` with its targets given each set of `level` from its pool: the rows, and their tests.

    Rows with as many in their pool, and as many targets, go together, about `cells` tests at a time.
    Those with more than `most_sets` sets are left out.
    """
    able = (targets.sizes > 0) & (pools.sizes >= level) & ~too_many(pools.sizes, level, most_sets)
    kinds = pools.sizes * (targets.members.shape[1] + 1) + targets.sizes
    for kind in np.unique(kinds[able]):
        alike = np.flatnonzero(able & (kinds == kind))
        size, count = int(pools.sizes[alike[0]]), int(targets.sizes[alike[0]])
        places = _places(size, level)
        width = count * (level + 1)
        several, step = max(1, cells // (len(places) * width)), max(1, cells // width)
        for start in range(0, len(alike), several):
            rows = alike[start : start + several]
            near, far = pools.members[rows, :size], targets.members[rows, :count]
            for first in range(0, len(places), step):
                yield rows, Batch(i[rows], near, places[first : first + step], far)


def too_many(sizes: Ints, level: int, most_sets: int) -> Bools:
    """Which pools of these sizes have more sets of `level` than `most_sets`."""
    sets = np.array([comb(size, level) for size in range(int(sizes.max(initial=0)) + 1)], float)
    return np.asarray(sets[sizes] > most_sets)


@lru_cache(maxsize=32)
def _places(size: int, level: int) -> Ints:
    """Every `level` of `size` positions, `[c, level]`."""
    if level == 1:
        return np.arange(size, dtype=np.intp)[:, None]
    chosen = np.fromiter(
        (at for one in combinations(range(size), level) for at in one), np.intp, comb(size, level) * level
    )
    return chosen.reshape(comb(size, level), level)
