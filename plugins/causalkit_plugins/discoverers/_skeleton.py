"""The skeleton search of PC-stable, and the votes that orient its colliders.

Indices are positions in a fixed order of names, so the order of the user's columns plays no part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, islice
from math import comb

import numpy as np
import numpy.typing as npt

from causalkit.components import Context

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

Test = Callable[[int, Ints, Ints], Floats]
"""`test(i, sets [c, l], targets [t]) → p [c, t]`: is i independent of each target given each set?
NaN where it cannot be told."""

MOST_SETS = 50_000
"""Sets of one size to try for one variable; a variable with more is a hub, and larger sets are left out."""
_CELLS = 400_000
"""About how many (set, target) cells to test at once."""


@dataclass
class Skeleton:
    """What is adjacent, how sure that is, and what separated the rest.

    `kept_p[i, j]` is the largest p-value of a test that an adjacent pair survived; `separators` has,
    for each separated pair (i < j), the set of greatest p and that p; `hubs`, for variables with too
    many neighbours to try all sets of a size, the largest size tried.
    """

    adjacent: Bools
    kept_p: Floats
    separators: dict[tuple[int, int], tuple[tuple[int, ...], float]] = field(default_factory=dict)
    level: int = 0
    capped: bool = False
    untested: int = 0
    never: list[tuple[int, int]] = field(default_factory=list)
    hubs: dict[int, int] = field(default_factory=dict)


@dataclass
class _Best:
    """The greatest p of a level, for each ordered pair, and the set that gave it."""

    p: Floats
    given: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)

    def offer(self, i: int, sets: Ints, targets: Ints, p: Floats) -> None:
        filled = np.where(np.isnan(p), -1.0, p)
        rows = filled.argmax(axis=0)
        top = filled[rows, np.arange(len(targets))]
        better = np.flatnonzero(top > self.p[i, targets])
        self.p[i, targets[better]] = top[better]
        for at in better if sets.shape[1] else ():
            self.given[i, int(targets[at])] = tuple(int(k) for k in sets[rows[at]])


def find_skeleton(
    test: Test, allowed: Bools, required: Bools, alpha: float, max_k: int | None, context: Context
) -> Skeleton:
    """PC-stable's skeleton (Colombo & Maathuis 2014, JMLR 15): adjacency is frozen for each level.

    Parameters
    ----------
    allowed : `[p, p]`, row i, column j: whether `i -> j` is not ruled out. A pair ruled out both ways
        is never tested, and a set only holds possible causes of the variable whose set it is.
    required : `[p, p]`, symmetric: pairs that stay adjacent whatever is tested.
    """
    adjacent = (allowed | allowed.T) & ~np.eye(len(allowed), dtype=bool)
    found = Skeleton(adjacent, np.full(adjacent.shape, np.nan))
    level = 0
    while _has_sets(adjacent, allowed, level):
        if max_k is not None and level > max_k:
            found.capped = True
            break
        best = _level(test, found, allowed, level, context)
        _separate(found, best, required, alpha, level)
        found.level = level
        level += 1
    return found


def _has_sets(adjacent: Bools, allowed: Bools, level: int) -> bool:
    """Whether any adjacent pair has a set of this size to be tested with."""
    pool = adjacent & allowed.T
    left = pool.sum(axis=1)[:, None] - pool
    return bool((adjacent & (left >= level)).any())


def _level(test: Test, found: Skeleton, allowed: Bools, level: int, context: Context) -> _Best:
    best = _Best(np.full(found.adjacent.shape, -1.0))
    for i in context.track(range(len(allowed)), f"testing edges, given {level}", len(allowed)):
        pool = np.flatnonzero(found.adjacent[i] & allowed[:, i])
        targets = np.flatnonzero(found.adjacent[i])
        targets = targets[targets > i] if level == 0 else targets
        if len(targets) == 0 or len(pool) < level:
            continue
        if comb(len(pool), level) > MOST_SETS:
            found.hubs[i] = min(level - 1, found.hubs.get(i, level))
            continue
        for sets, p in tested(test, i, pool, targets, level):
            best.offer(i, sets, targets, p)
            found.untested += int(np.isnan(p).sum() - (sets[:, :, None] == targets).sum())
    return best


def tested(test: Test, i: int, pool: Ints, targets: Ints, level: int) -> Iterator[tuple[Ints, Floats]]:
    """p-values of `i` against `targets` given every set of `level` from `pool`, by chunks.

    NaN where a target is in the set.
    """
    for places in _combinations(len(pool), level, max(1, _CELLS // (len(targets) * max(level, 1)))):
        sets = pool[places]
        p = np.array(test(i, sets, targets), float)
        if level:
            p[(sets[:, :, None] == targets).any(axis=1)] = np.nan
        yield sets, p


def _combinations(size: int, level: int, chunk: int) -> Iterator[Ints]:
    remaining = combinations(range(size), level)
    while taken := list(islice(remaining, chunk)):
        yield np.array(taken, np.intp).reshape(len(taken), level)


def _separate(found: Skeleton, best: _Best, required: Bools, alpha: float, level: int) -> None:
    top = np.maximum(best.p, best.p.T)
    found.kept_p = np.fmax(found.kept_p, np.where((top >= 0) & found.adjacent, top, np.nan))
    removable = found.adjacent & ~required
    apart = removable & (top > alpha)
    if level == 0:
        never = removable & (top < 0)
        found.never = [(int(i), int(j)) for i, j in np.argwhere(np.triu(never))]
        apart |= never
    for i, j in np.argwhere(np.triu(apart)):
        side = (int(i), int(j)) if best.p[i, j] >= best.p[j, i] else (int(j), int(i))
        if best.p[side] >= 0:
            found.separators[int(i), int(j)] = (best.given.get(side, ()), float(best.p[side]))
    found.adjacent = found.adjacent & ~apart


def unshielded(adjacent: Bools) -> list[tuple[int, int, int]]:
    """Triples (i, k, j), i < j, in which k is adjacent to both and they are not to each other."""
    found = []
    for k in range(len(adjacent)):
        near = np.flatnonzero(adjacent[k])
        pairs = np.argwhere(np.triu(~adjacent[np.ix_(near, near)], 1))
        found += [(int(near[a]), k, int(near[b])) for a, b in pairs]
    return found


def middle_shares(
    test: Test, found: Skeleton, allowed: Bools, alpha: float, check: Callable[[], None]
) -> dict[tuple[int, int, int], float]:
    """For each unshielded triple (i, k, j): in what share of the sets that separate i from j is k?

    Sets are drawn from the neighbours of i and of j, up to the size the skeleton reached; where none
    separates, the one recorded set decides. NaN where the pair was never tested.
    """
    triples = unshielded(found.adjacent)
    partners: dict[int, set[int]] = {}
    for i, _, j in triples:
        if (i, j) in found.separators:
            partners.setdefault(i, set()).add(j)
            partners.setdefault(j, set()).add(i)
    total = np.zeros(found.adjacent.shape)
    member: dict[int, _Members] = {}
    for i, others in partners.items():
        check()
        pool = np.flatnonzero(found.adjacent[i] & allowed[:, i])
        targets = np.array(sorted(others), np.intp)
        member[i] = _Members(pool, targets, np.zeros((len(targets), len(pool))))
        for level in range(min(len(pool), found.level) + 1):
            if comb(len(pool), level) > MOST_SETS:
                break
            for sets, p in tested(test, i, pool, targets, level):
                apart = (p > alpha).astype(float)
                total[i, targets] += apart.sum(axis=0)
                member[i].add(sets, apart)
    return {(i, k, j): _share(found, total, member, i, k, j) for i, k, j in triples}


@dataclass
class _Members:
    """How often each variable of a pool is in a set that separates one variable from each target."""

    pool: Ints
    targets: Ints
    count: Floats

    def add(self, sets: Ints, apart: Floats) -> None:
        inside = (sets[:, :, None] == self.pool).any(axis=1)
        self.count += apart.T @ inside

    def of(self, target: int, middle: int) -> float:
        at = np.searchsorted(self.pool, middle)
        if at == len(self.pool) or self.pool[at] != middle:
            return 0.0
        return float(self.count[np.searchsorted(self.targets, target), at])


def _share(found: Skeleton, total: Floats, member: dict[int, _Members], i: int, k: int, j: int) -> float:
    if (i, j) not in found.separators:
        return float("nan")
    count = total[i, j] + total[j, i]
    if not count:
        return float(k in found.separators[i, j][0])
    return float((member[i].of(j, k) + member[j].of(i, k)) / count)
