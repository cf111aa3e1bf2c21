"""The skeleton search of PC-stable, in batches.

Indices are positions in a fixed order of names, so the order of the user's columns plays no part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from causalkit.components import Context
from causalkit_plugins.discoverers._batches import (
    Batch,
    BatchTest,
    Bools,
    Floats,
    Ints,
    Lists,
    Test,
    Weakest,
    as_batch_test,
    in_batches,
    too_many,
)
from causalkit_plugins.discoverers._separators import Separators

MOST_SETS = 50_000
"""Sets of one size to try for one variable; a variable with more is a hub, and larger sets are left out."""


@dataclass
class Skeleton:
    """What is adjacent, how sure that is, and what separated the rest.

    For an adjacent pair, `kept_p[i, j]` is the largest p-value of a test that it survived, and
    `strength[i, j]` the dependence in that test (of several, the least); `separators` has, for each
    separated pair (i < j), the set of greatest p and that p; `hubs`, for variables with too many
    neighbours to try all sets of a size, the largest size tried.
    """

    adjacent: Bools
    kept_p: Floats
    strength: Floats
    separators: Separators
    level: int = 0
    capped: bool = False
    untested: int = 0
    never: list[tuple[int, int]] = field(default_factory=list)
    hubs: dict[int, int] = field(default_factory=dict)


def find_skeleton(
    test: Test | BatchTest, allowed: Bools, required: Bools, alpha: float, max_k: int | None, context: Context
) -> Skeleton:
    """PC-stable's skeleton (Colombo & Maathuis 2014, JMLR 15): adjacency is frozen for each level.

    Every set of a level is tried, and the one of greatest p is kept: what separates a pair then hangs
    on no order. Beside the test's own arrays it holds four `[p, p]` matrices of float64, and batches of
    `test.cells` tests.

    Parameters
    ----------
    allowed : `[p, p]`, row i, column j: whether `i -> j` is not ruled out. A pair ruled out both ways
        is never tested, and a set only holds possible causes of the variable whose set it is.
    required : `[p, p]`, symmetric: pairs that stay adjacent whatever is tested.
    """
    test = as_batch_test(test)
    adjacent = (allowed | allowed.T) & ~np.eye(len(allowed), dtype=bool)
    p, strength, apart = (np.full(adjacent.shape, np.nan) for _ in range(3))
    found = Skeleton(adjacent, p, strength, Separators(apart))
    _marginal(test, found, required, alpha, context)
    level = 1
    while _has_sets(found.adjacent, allowed, level):
        if max_k is not None and level > max_k:
            found.capped = True
            break
        _given(test, found, allowed, required, alpha, level, context)
        found.level = level
        level += 1
    return found


def _has_sets(adjacent: Bools, allowed: Bools, level: int) -> bool:
    """Whether any adjacent pair has a set of this size to be tested with."""
    pool = adjacent & allowed.T
    size = pool.sum(axis=1)
    if level < size.max(initial=0):
        return True
    return bool((adjacent & (size[:, None] - pool >= level)).any())


def _marginal(test: BatchTest, found: Skeleton, required: Bools, alpha: float, context: Context) -> None:
    """Level 0: every pair, given nothing."""
    rows = [np.flatnonzero(near[at:]) + at for at, near in enumerate(found.adjacent)]
    starts = _runs([len(row) for row in rows], test.cells)
    for first, last in context.track(starts, "testing edges, given 0", len(starts)):
        i = np.repeat(np.arange(first, last), [len(row) for row in rows[first:last]])
        j = np.concatenate(rows[first:last])
        p, strength = test.marginal(i, j)
        found.kept_p[i, j] = found.kept_p[j, i] = p
        found.strength[i, j] = found.strength[j, i] = strength
        unclear = np.isnan(p)
        found.untested += int(unclear.sum())
        removed = ~required[i, j] & ((p > alpha) | unclear)
        found.adjacent[i[removed], j[removed]] = found.adjacent[j[removed], i[removed]] = False
        found.separators.p[i[removed], j[removed]] = p[removed]
        never = removed & unclear
        found.never += list(zip(i[never].tolist(), j[never].tolist(), strict=True))


def _runs(sizes: list[int], most: int) -> list[tuple[int, int]]:
    """Runs (first, last) of neighbours in a row, about `most` together."""
    runs, first, total = [], 0, 0
    for at, size in enumerate(sizes):
        total += size
        if total >= most or at == len(sizes) - 1:
            if total:
                runs.append((first, at + 1))
            first, total = at + 1, 0
    return runs


@dataclass
class _Separating:
    """Sets of one level that separate their pair: of which variable, from which, at what p."""

    i: list[Ints] = field(default_factory=list)
    j: list[Ints] = field(default_factory=list)
    p: list[Floats] = field(default_factory=list)
    sets: list[Ints] = field(default_factory=list)

    def add(self, batch: Batch, best: Weakest, alpha: float) -> None:
        row, at = np.nonzero(best.p > alpha)
        self.i.append(batch.i[row])
        self.j.append(batch.targets[row, at])
        self.p.append(best.p[row, at])
        self.sets.append(batch.pool[row[:, None], batch.places[best.place[row, at]]])

    def greatest(self) -> Iterator[tuple[int, int, float, tuple[int, ...]]]:
        """Each pair i < j once, with its greatest p; of several alike, the first set of the first variable."""
        if not self.i:
            return
        i, j, p, sets = (np.concatenate(part) for part in (self.i, self.j, self.p, self.sets))
        low, high = np.minimum(i, j), np.maximum(i, j)
        order = np.lexsort((i, -p, high, low))
        new = np.ones(len(order), bool)
        new[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
        first = order[new]
        chosen = map(tuple, sets[first].tolist())
        yield from zip(low[first].tolist(), high[first].tolist(), p[first].tolist(), chosen, strict=True)


def _given(
    test: BatchTest, found: Skeleton, allowed: Bools, required: Bools, alpha: float, level: int, context: Context
) -> None:
    """One level: every adjacent pair, given every set of `level` neighbours of either."""
    pools, targets = Lists.of(found.adjacent & allowed.T), Lists.of(found.adjacent)
    for i in np.flatnonzero(too_many(pools.sizes, level, MOST_SETS)).tolist():
        found.hubs[i] = min(level - 1, found.hubs.get(i, level))
    separating = _Separating()
    batches = list(in_batches(np.arange(len(allowed)), pools, targets, level, test.cells, MOST_SETS))
    for _, batch in context.track(batches, f"testing edges, given {level}", len(batches)):
        best = test.weakest(batch)
        found.untested += best.untold
        _keep(found, batch, best)
        separating.add(batch, best, alpha)
    adjacent = found.adjacent.copy()
    for i, j, p, given in separating.greatest():
        if not required[i, j]:
            adjacent[i, j] = adjacent[j, i] = False
            found.separators.p[i, j] = p
            found.separators.given[i, j] = given
    found.adjacent = adjacent


def _keep(found: Skeleton, batch: Batch, best: Weakest) -> None:
    """Raise what a pair survived to the largest p so far; of equal p, the least strength."""
    for at in ((batch.i[:, None], batch.targets), (batch.targets, batch.i[:, None])):
        p, strength = found.kept_p[at], found.strength[at]
        higher = (best.p > p) | (np.isnan(p) & ~np.isnan(best.p))
        weaker = higher | ((best.p == p) & (best.strength < strength))
        found.kept_p[at] = np.where(higher, best.p, p)
        found.strength[at] = np.where(weaker, best.strength, strength)
