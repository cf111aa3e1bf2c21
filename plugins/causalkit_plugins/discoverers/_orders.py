"""Search over orders of nodes: the best and the probable graphs, by tables of each node's parent sets.

A node's score given an order is that of its best set (or the sum over its sets) among the candidates before it. With
K candidates there are 2^K such questions, answered beforehand by a zeta transform, so that moving one node to each
place of an order costs a few look-ups (Kuipers, Suter & Moffa 2022). `tabulate` makes the tables, `climb` looks for
the best order, `sample` draws orders, `marginals` gives the probability of each arc given an order.

Use: `tables = tabulate(scores, candidates, arcs=…)`, where `arcs[i, j]` is the log odds of i -> j (added to the score
of each graph that has it); `order, score = climb(tables, rng)`; `parents = tables.best_parents(order)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit_plugins.discoverers._scores import LocalScores, Set

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
ROUND = 9
"""Decimals to which scores are rounded, so that rounding errors decide no tie."""
IMPOSSIBLE = -1e8
"""The score of parents that may not be: finite, so that differences of two of them are."""


@dataclass
class Tables:
    """What each node scores by which of its candidates come before it.

    Parameters
    ----------
    bits : `[p, p]`: row i, column j: the bit of j among the candidates of i; 0 where j is none.
    own : `[p, 2^K]`: what each candidate set as the parents scores above no parents; `IMPOSSIBLE` where it may not be.
    best : the same for the best subset of the set; `total` : the log of the sum over subsets.
    before : `[p, p]`: what an order gains where row comes before column.
    """

    bits: Ints
    own: Floats
    best: Floats
    total: Floats
    before: Floats

    @property
    def size(self) -> int:
        """How many nodes."""
        return len(self.bits)

    def masks(self, orders: Ints) -> Ints:
        """Which candidates come before each node, `[b, p]`, of orders `[b, p]` (nodes, first to last)."""
        place = np.argsort(orders, axis=1)
        return np.stack([(self.bits * (at[None, :] < at[:, None])).sum(axis=1) for at in place])

    def score(self, orders: Ints, table: Floats) -> Floats:
        """The score of each order, `[b]`."""
        place = np.argsort(orders, axis=1)
        precedes = np.array([(self.before * (at[:, None] < at[None, :])).sum() for at in place])
        return np.asarray(table[np.arange(self.size), self.masks(orders)].sum(axis=1) + precedes)

    def best_parents(self, order: Ints) -> list[Set]:
        """The parents of each node in the best graph of an order."""
        masks = self.masks(order[None])[0]
        chosen = [self._best_set(i, int(masks[i])) for i in range(self.size)]
        return [tuple(int(j) for j in np.flatnonzero(self.bits[i] & chosen[i])) for i in range(self.size)]

    def _best_set(self, i: int, mask: int) -> int:
        inside = np.flatnonzero((np.arange(self.own.shape[1]) & ~mask) == 0)
        return int(inside[np.argmax(np.round(self.own[i, inside], ROUND))])


def tabulate(
    scores: LocalScores,
    candidates: Sequence[Sequence[int]],
    *,
    arcs: Floats | None = None,
    required: Sequence[Set] | None = None,
    before: Floats | None = None,
    max_parents: int = 4,
) -> Tables:
    """The tables of all nodes.

    Parameters
    ----------
    candidates : the possible parents of each node; at most some 14, for 2^K numbers are kept of each.
    arcs : `[p, p]`, the log odds of row -> column against no edge; 0 where it is not given.
    required : parents that each node must have, all of them among its candidates.
    before : `[p, p]`, the log odds that row comes before column.
    """
    size = scores.size
    width = 2 ** max((len(own) for own in candidates), default=0)
    bits = np.zeros((size, size), np.intp)
    own = np.full((size, width), IMPOSSIBLE)
    for i, listed in enumerate(candidates):
        listed = sorted(listed)
        bits[i, listed] = 1 << np.arange(len(listed))
        most = max(max_parents, len(required[i]) if required else 0)
        sets = [s for k in range(most + 1) for s in combinations(listed, k)]
        if required and required[i]:
            sets = [s for s in sets if set(required[i]) <= set(s)]
        where = [int(bits[i, list(s)].sum()) for s in sets]
        prior = np.array([0.0 if arcs is None else arcs[list(s), i].sum() for s in sets])
        own[i, where] = np.maximum(scores.locals(i, sets) - scores.local(i, ()) + prior, IMPOSSIBLE)
    odds = np.zeros((size, size)) if before is None else before
    best, total = _over_subsets(np.round(own, ROUND), np.maximum), _over_subsets(own, np.logaddexp)
    return Tables(bits, np.round(own, ROUND), best, total, odds)


def _over_subsets(values: Floats, join: np.ufunc) -> Floats:
    """For each set of bits, `join` over the values of all its subsets (the fast zeta transform)."""
    found = values.copy()
    bit = 1
    while bit < found.shape[1]:
        pairs = found.reshape(len(found), -1, 2, bit)
        pairs[:, :, 1] = join(pairs[:, :, 1], pairs[:, :, 0])
        bit *= 2
    return found


def places(tables: Tables, table: Floats, orders: Ints, masks: Ints, nodes: Ints) -> Floats:
    """What each order scores, up to a constant, with its node of `nodes` moved to each place: `[b, p]`."""
    size, chains = tables.size, len(orders)
    rest = orders[orders != nodes[:, None]].reshape(chains, size - 1)
    bit = tables.bits[rest, nodes[:, None]]
    without = np.take_along_axis(masks, rest, 1) & ~bit
    later = table[rest, without | bit] + tables.before[nodes[:, None], rest]
    sooner = table[rest, without] + tables.before[rest, nodes[:, None]]
    found = np.zeros((chains, size))
    seen = np.zeros((chains, size), np.intp)
    np.cumsum(sooner - later, axis=1, out=found[:, 1:])
    np.cumsum(tables.bits[nodes[:, None], rest], axis=1, out=seen[:, 1:])
    return np.asarray(found + table[nodes[:, None], seen])


def move(tables: Tables, orders: Ints, masks: Ints, nodes: Ints, to: Ints) -> None:
    """Put the node of each order at its new place; changes `orders` and `masks`."""
    size, chains = tables.size, np.arange(len(orders))
    rest = orders[orders != nodes[:, None]].reshape(len(orders), size - 1)
    later = np.arange(size - 1) >= to[:, None]
    bit = tables.bits[rest, nodes[:, None]]
    masks[chains[:, None], rest] = (masks[chains[:, None], rest] & ~bit) | np.where(later, bit, 0)
    masks[chains, nodes] = (tables.bits[nodes[:, None], rest] * ~later).sum(axis=1)
    at = np.arange(size)
    orders[:] = np.take_along_axis(rest, np.clip(at - (at > to[:, None]), 0, size - 2), 1)
    orders[chains, to] = nodes


def climb(
    tables: Tables,
    rng: np.random.Generator,
    *,
    starts: int = 16,
    sweeps: int = 60,
    heat: float = 8.0,
    context: Context = Context(),
) -> tuple[Ints, Floats]:
    """Orders found by annealing and then by steepest moves, best first, and their scores: `[starts, p]`, `[starts]`.

    A sweep offers each node, in a random turn, every place; what it scores there, over a temperature that falls from
    `heat` to 0, draws the place.
    """
    orders = np.stack([rng.permutation(tables.size) for _ in range(starts)])
    masks = tables.masks(orders)
    for temperature in context.track(heat * 0.01 ** np.linspace(0, 1, sweeps), "orders"):
        _sweep(tables, tables.best, orders, masks, rng, temperature)
    while _sweep(tables, tables.best, orders, masks, rng, 0.0):
        context.check()
    scores = np.round(tables.score(orders, tables.best), 6)
    ranked = np.argsort(-scores, kind="stable")
    return orders[ranked], scores[ranked]


def _sweep(
    tables: Tables, table: Floats, orders: Ints, masks: Ints, rng: np.random.Generator, temperature: float
) -> bool:
    """Move each node of each order once; says whether any order got better (without temperature)."""
    better = False
    for nodes in rng.permuted(np.tile(np.arange(tables.size), (len(orders), 1)), axis=1).T:
        scored = places(tables, table, orders, masks, nodes)
        now = np.argmax(orders == nodes[:, None], axis=1)
        if temperature > 0:
            to = np.argmax(scored / temperature + rng.gumbel(size=scored.shape), axis=1)
        else:
            rows = np.arange(len(orders))
            to = np.argmax(scored, axis=1)
            gains = scored[rows, to] > scored[rows, now] + 1e-6
            to = np.where(gains, to, now)
            better = better or bool(gains.any())
        move(tables, orders, masks, nodes, to)
    return better


def sample(tables: Tables, orders: Ints, rng: np.random.Generator, sweeps: int, context: Context = Context()) -> Floats:
    """The mean probability of each arc over orders drawn from those given: order MCMC (Friedman & Koller 2003).

    Each node in turn is put where its full conditional draws it. The first fifth of the sweeps is left out. Every order
    counts alike, so a graph counts as often as it has orders (the order bias).
    """
    orders = orders.copy()
    masks = tables.masks(orders)
    sums, kept = np.zeros((tables.size, tables.size)), 0
    for turn in context.track(range(sweeps), "marginals"):
        _sweep(tables, tables.total, orders, masks, rng, 1.0)
        if turn >= sweeps // 5:
            sums += marginals(tables, masks).sum(axis=0)
            kept += len(orders)
    return sums / max(kept, 1)


def marginals(tables: Tables, masks: Ints) -> Floats:
    """The probability of each arc given each order, `[b, p, p]`, row -> column: exact sums over parent sets."""
    nodes = np.arange(tables.size)
    allowed = tables.total[nodes, masks]
    without = tables.total[nodes[None, :, None], masks[:, :, None] & ~tables.bits[None]]
    return np.asarray(1 - np.exp(without - allowed[:, :, None])).transpose(0, 2, 1)
