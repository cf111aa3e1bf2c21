"""The exact top-N of inner products, in bounded memory.

Single-precision products pick candidates with a margin for their rounding; the candidates alone are
scored again in double precision, one pair at a time. So the answer is that of scoring every pair in
double precision, rounding to float32, and sorting with ties to the earlier item; it depends neither on
how users and items are blocked, nor on threads, nor on how BLAS sums.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.errors import UsageError

__all__ = ["top_inner_product_blocks", "top_inner_products"]

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]

USERS, ITEMS = 512, 2048
"""Users and items whose products are held at a time by each thread: 4 MB, about what its caches hold."""
GROUP = 16
"""Products of which only the largest is compared with a user's threshold; all, where that one passes."""
AHEAD = 64
"""Blocks of users that are computed before they are handed out."""
EXACT = 1 << 14
"""Pairs that are scored exactly at a time."""
PENDING = 1 << 20
"""Candidates that a block of users may gather before the worse ones are thrown out."""


def top_inner_products(
    users: npt.ArrayLike, items: npt.ArrayLike, k: int, *, excluded: Any = None, threads: int | None = None
) -> tuple[Positions, Floats]:
    """For each user the `k` items with the largest inner products, best first.

    Parameters
    ----------
    users, items : vectors, float32 `[n, d]` and `[m, d]`. An item with a NaN or infinity is not
        recommended; a user with one gets nothing.
    excluded : bool `[m]`, items that are left out, or None.
    threads : how many to use; None: as many as BLAS would.

    Returns
    -------
    Positions in `items`, int64 `[n, k]`, -1 beyond what there is to recommend, and their scores, float32
    `[n, k]`, NaN there. Equal scores go to the earlier position.

    Raises
    ------
    UsageError : shapes that do not fit, or vectors so long that float32 cannot hold their products.

    >>> top_inner_products([[1.0, 0.0]], [[1.0, 5.0], [3.0, 0.0], [3.0, 1.0]], 2)[0].tolist()
    [[1, 2]]
    """
    blocks = list(top_inner_product_blocks(users, items, k, excluded=excluded, threads=threads))
    if not blocks:
        return np.empty((0, k), np.int64), np.empty((0, k), np.float32)
    return np.concatenate([found for found, _ in blocks]), np.concatenate([scores for _, scores in blocks])


def top_inner_product_blocks(
    users: npt.ArrayLike,
    items: npt.ArrayLike,
    k: int,
    *,
    excluded: Any = None,
    threads: int | None = None,
    block: int = USERS,
) -> Iterator[tuple[Positions, Floats]]:
    """As `top_inner_products`, a few thousand users at a time, in their order.

    Memory beyond `users` and `items` themselves does not grow with the number of users. `block` is how
    many users a thread takes at a time; it does not change the answer.
    """
    rows, columns = np.asarray(users, np.float32), np.asarray(items, np.float32)
    if rows.ndim != 2 or columns.ndim != 2 or rows.shape[1] != columns.shape[1]:
        raise UsageError(f"vectors of users and items have shapes {rows.shape} and {columns.shape}, not [n, d], [m, d]")
    if k < 1:
        raise UsageError(f"the length of a list must be at least 1; got {k}")
    return _blocks(rows, _Catalogue.of(columns, k, excluded), block, threads)


def _blocks(
    users: Floats, catalogue: _Catalogue, block: int, threads: int | None
) -> Iterator[tuple[Positions, Floats]]:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    blas = ThreadpoolController().select(user_api="blas")
    threads = threads or max((found["num_threads"] for found in blas.info()), default=os.cpu_count() or 1)
    spaces: SimpleQueue[_Workspace] = SimpleQueue()
    for _ in range(threads):
        spaces.put(_Workspace(block))

    def top(start: int) -> tuple[Positions, Floats]:
        space = spaces.get()
        try:
            return _top(users[start : start + block], catalogue, space)
        finally:
            spaces.put(space)

    starts = range(0, len(users), block)
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(starts), AHEAD):
            with blas.limit(limits=1):  # a thread per block of users: BLAS's own would only stand in the way
                found = list(pool.map(top, starts[first : first + AHEAD]))
            yield from found


@dataclass(frozen=True)
class _Catalogue:
    """The items that may be recommended.

    Parameters
    ----------
    vectors : float32 `[m, d]`.
    positions : of these items among those that were given, ascending.
    longest : the largest norm.
    k : length of a list.
    """

    vectors: Floats
    positions: Positions
    longest: float
    k: int

    @classmethod
    def of(cls, items: Floats, k: int, excluded: Any) -> _Catalogue:
        keep = np.isfinite(items).all(axis=1)
        if excluded is not None:
            mask = np.asarray(excluded, bool)
            if mask.shape != (len(items),):
                raise UsageError(f"a mask of {len(items)} items must have as many entries; got shape {mask.shape}")
            keep &= ~mask
        positions = np.flatnonzero(keep)
        positions = positions[_among_first_copies(items[positions], k)]
        vectors = np.ascontiguousarray(items[positions])
        return cls(vectors, positions, float(_norms(vectors).max(initial=0)), k)


def _among_first_copies(items: Floats, k: int) -> npt.NDArray[np.bool_]:
    """Which items have fewer than k equal ones before them: no other can be listed, as ties go to the earlier."""
    keep = np.ones(len(items), np.bool_)
    mark = items @ np.cos(np.arange(items.shape[1])).astype(np.float32)  # equal items lie together in its order
    order = np.argsort(mark, kind="stable")
    near = np.flatnonzero(mark[order[1:]] == mark[order[:-1]]) + 1
    same = near[np.all(items[order[near]] == items[order[near - 1]], axis=1)]
    if len(same) >= k:
        first = np.ones(len(items), np.bool_)
        first[same] = False
        at = np.arange(len(items))
        keep[order] = at - np.maximum.accumulate(np.where(first, at, 0)) < k
    return keep


def _norms(vectors: Floats) -> npt.NDArray[np.float64]:
    """Upper bounds of the rows' lengths, not far above them; infinite where float32 can't hold the square."""
    squares = np.einsum("ij,ij->i", vectors, vectors).astype(np.float64)
    single = np.finfo(np.float32)
    return np.asarray(np.sqrt((squares + float(single.tiny)) * (1 + vectors.shape[1] * float(single.eps))))


@dataclass
class _Workspace:
    """Buffers of one thread for `users` users; items lie in rows, so that groups lie whole rows apart."""

    users: int
    products: Floats = field(init=False)
    largest: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.products = np.empty(ITEMS * self.users, np.float32)
        self.largest = np.empty(ITEMS // GROUP * self.users, np.float32)


def _top(users: Floats, catalogue: _Catalogue, space: _Workspace) -> tuple[Positions, Floats]:
    """The lists of one block of users."""
    positions = np.full((len(users), catalogue.k), -1, np.int64)
    scores = np.full((len(users), catalogue.k), np.nan, np.float32)
    finite = np.isfinite(users).all(axis=1)
    zero = finite & ~users.any(axis=1)
    first = catalogue.positions[: catalogue.k]  # all scores are zero, and ties go to the earlier item
    positions[zero, : len(first)], scores[zero, : len(first)] = first, 0
    asked = np.flatnonzero(finite & ~zero)
    if len(asked) and len(catalogue.vectors):
        own = users[asked]
        user, rank, item, score = _gather(_Candidates(own, catalogue, _margin(own, catalogue)), space).best()
        positions[asked[user], rank] = catalogue.positions[item]
        scores[asked[user], rank] = score
    return positions, scores


def _margin(users: Floats, catalogue: _Catalogue) -> Floats:
    """By how much a float32 product may be off (Higham 2002, section 3.1), on both sides of a comparison."""
    length = _norms(users) * catalogue.longest
    if not length.max() < np.finfo(np.float32).max / 2:
        raise UsageError(
            "vectors of users and items are so long that their products are beyond float32",
            "Scale them down: the order of the items stays.",
        )
    single = np.finfo(np.float32)
    d = users.shape[1] + 4
    return np.asarray(2 * d * (length * single.eps / 2 + single.tiny) * 1.01, np.float32)


def _gather(candidates: _Candidates, space: _Workspace) -> _Candidates:
    """Everything that may be in the lists, a block of items at a time."""
    users, vectors, k = candidates.users, candidates.catalogue.vectors, candidates.catalogue.k
    n, groups = len(users), ITEMS // GROUP
    across = np.ascontiguousarray(users.T)
    products = space.products[: ITEMS * n].reshape(ITEMS, n)
    largest = space.largest[: groups * n].reshape(groups, n)
    for turn, start in enumerate(range(0, len(vectors), ITEMS)):
        own = vectors[start : start + ITEMS]
        np.matmul(own, across, out=products[: len(own)])
        products[len(own) :] = -np.inf
        np.maximum.reduce(products.reshape(GROUP, groups, n), axis=0, out=largest)
        if not start:
            candidates.threshold = _kth(largest if k <= groups // 2 else products, k) - candidates.margin
        hit = np.flatnonzero(largest >= candidates.threshold)
        if len(hit):
            candidates.add(products.reshape(GROUP, -1)[:, hit], hit, start, groups)
        if (turn and not turn & (turn + 1)) or candidates.pending > PENDING:
            candidates.prune()
    return candidates


def _kth(values: Floats, k: int) -> Floats:
    """The k-th largest of each column; -infinity where there are fewer."""
    if len(values) < k:
        return np.full(values.shape[1], -np.inf, np.float32)
    return np.asarray(np.partition(values, len(values) - k, axis=0)[len(values) - k])


@dataclass
class _Candidates:
    """What may yet be in the lists of `users`: pairs whose float32 product is not below the user's `threshold`."""

    users: Floats
    catalogue: _Catalogue
    margin: Floats
    threshold: Floats = field(init=False)
    found: list[tuple[Positions, Positions, Floats]] = field(default_factory=list)
    pending: int = 0

    def add(self, products: Floats, hit: Positions, start: int, groups: int) -> None:
        """Take from the groups `hit`, whose products are the columns of `products`."""
        group, user = np.divmod(hit, len(self.users))
        place, which = np.nonzero(products >= self.threshold[user])
        item = start + place * groups + group[which]
        real = item < len(self.catalogue.vectors)  # the last block is padded
        self.found.append((user[which][real], item[real], products[place, which][real]))
        self.pending += len(self.found[-1][0])

    def prune(self) -> None:
        """Throw out what k others surpass, and raise the thresholds."""
        k = self.catalogue.k
        user, item, score = (np.concatenate(parts) for parts in zip(*self.found, strict=True))
        order = np.argsort(_key(user, score))
        kth = order[_ranks(user[order]) == k - 1]
        raised = score[kth] - self.margin[user[kth]]
        self.threshold[user[kth]] = np.maximum(self.threshold[user[kth]], raised)
        keep = np.flatnonzero(score >= self.threshold[user])
        if len(keep) > 4 * k * len(self.users):  # ties, or nearly: only exact scores tell them apart
            order, rank, _ = self._exact(user[keep], item[keep])
            keep = keep[order[rank < k]]
        self.found = [(user[keep], item[keep], score[keep])]
        self.pending = 0

    def best(self) -> tuple[Positions, Positions, Positions, Floats]:
        """Users, ranks, items and exact scores of what is in the lists."""
        self.prune()
        user, item, _ = self.found[0]
        order, rank, score = self._exact(user, item)
        listed = rank < self.catalogue.k
        order = order[listed]
        return user[order], rank[listed], item[order], score[order]

    def _exact(self, user: Positions, item: Positions) -> tuple[Positions, Positions, Floats]:
        """The order of pairs by user, exact score and item; the ranks in that order; and the scores."""
        score = np.empty(len(user), np.float32)
        for start in range(0, len(user), EXACT):
            part = slice(start, start + EXACT)
            pairs = self.users[user[part]].astype(np.float64)
            pairs *= self.catalogue.vectors[item[part]]
            score[part] = pairs.sum(axis=1)
        score += np.float32(0)  # no negative zero, that would sort below zero
        order = np.lexsort((item, _key(user, score)))
        return order, _ranks(user[order]), score


def _key(user: Positions, score: Floats) -> Positions:
    """Integers that sort by user, then from the largest score to the smallest."""
    bits = score.view(np.int32)
    rising = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
    return np.asarray((user << 32) - rising)


def _ranks(user: Positions) -> Positions:
    """How many of the same user come before, where users are sorted."""
    at = np.arange(len(user))
    begins = np.ones(len(user), bool)
    begins[1:] = user[1:] != user[:-1]
    return at - np.maximum.accumulate(np.where(begins, at, 0))
