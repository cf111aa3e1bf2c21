"""What the separating sets of its ends say of the middle of an open triple."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from causalkit_plugins.discoverers import _skeleton
from causalkit_plugins.discoverers._batches import (
    Batch,
    BatchTest,
    Bools,
    Floats,
    Ints,
    Lists,
    Test,
    as_batch_test,
    in_batches,
)

Triple = tuple[int, int, int]


def unshielded(adjacent: Bools) -> list[Triple]:
    """Triples (i, k, j), i < j, in which k is adjacent to both and they are not to each other."""
    found: list[Triple] = []
    for k in range(len(adjacent)):
        near = np.flatnonzero(adjacent[k])
        a, b = np.nonzero(np.triu(~adjacent[np.ix_(near, near)], 1))
        found += zip(near[a].tolist(), [k] * len(a), near[b].tolist(), strict=True)
    return found


def recorded_shares(found: _skeleton.Skeleton) -> dict[Triple, float]:
    """For each unshielded triple, 1 where the middle is in the recorded separating set of its ends, else 0.

    NaN where the pair was never tested.
    """
    apart = found.separators
    return {
        (i, k, j): float(k in apart[i, j][0]) if (i, j) in apart else float("nan")
        for i, k, j in unshielded(found.adjacent)
    }


def middle_shares(
    test: Test | BatchTest, found: _skeleton.Skeleton, allowed: Bools, alpha: float, check: Callable[[], None]
) -> dict[Triple, float]:
    """For each unshielded triple (i, k, j): in what share of the sets that separate i from j is k?

    Sets are drawn from the neighbours of i and of j, up to the size the skeleton reached; where none
    separates, the one recorded set decides. NaN where the pair was never tested.
    """
    shares = recorded_shares(found)
    triples = np.array([triple for triple, share in shares.items() if not np.isnan(share)], np.intp).reshape(-1, 3)
    if not len(triples):
        return shares
    size = len(found.adjacent)
    keys = np.unique(np.concatenate([_key(triples, 0, 2, size), _key(triples, 2, 0, size)]))
    ends, pools = keys // size, Lists.of(found.adjacent & allowed.T).take(keys // size)
    votes = _Votes(pools, np.zeros(len(keys)), np.zeros(pools.members.shape))
    targets = Lists((keys % size)[:, None], np.ones(len(keys), np.intp))
    batch_test = as_batch_test(test)
    for level in range(min(int(pools.sizes.max()), found.level) + 1):
        for rows, batch in in_batches(ends, pools, targets, level, batch_test.cells, _skeleton.MOST_SETS):
            check()
            votes.count(rows, batch, batch_test.separating(batch, alpha)[:, :, 0])
    held, total = np.zeros(len(triples)), np.zeros(len(triples))
    for a, b in ((0, 2), (2, 0)):
        at = np.searchsorted(keys, _key(triples, a, b, size))
        total += votes.total[at]
        held += votes.holding(at, triples[:, 1])
    voted = np.flatnonzero(total)
    shares.update(zip(map(tuple, triples[voted].tolist()), (held[voted] / total[voted]).tolist(), strict=True))
    return shares


def _key(triples: Ints, a: int, b: int, size: int) -> Ints:
    return np.asarray(triples[:, a] * size + triples[:, b])


@dataclass
class _Votes:
    """Of each pair: how many sets from its first's pool separate it, and in how many each member of the pool is."""

    pools: Lists
    total: Floats
    held: Floats

    def count(self, rows: Ints, batch: Batch, apart: Bools) -> None:
        inside = (batch.places[:, :, None] == np.arange(batch.pool.shape[1])).any(axis=1)
        self.total[rows] += apart.sum(axis=1)
        self.held[rows, : batch.pool.shape[1]] += apart.astype(float) @ inside

    def holding(self, at: Ints, middle: Ints) -> Floats:
        """Of each pair, how many of its separating sets hold `middle`."""
        members = np.arange(self.held.shape[1]) < self.pools.sizes[at][:, None]
        return np.asarray((self.held[at] * (members & (self.pools.members[at] == middle[:, None]))).sum(axis=1))
