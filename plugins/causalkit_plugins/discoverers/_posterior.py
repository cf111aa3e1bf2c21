"""Graphs drawn from their posterior: Gibbs sampling of the parents of two nodes at a time.

Given all other nodes' parents, the two sets are drawn together from all that leave the graph without a cycle, so
an edge can turn in one step (Goudie & Mukherjee 2016, JMLR 17; the reversal of Grzegorczyk & Husmeier 2008 is one of
these moves). Every graph counts once, in however many orders its nodes can stand: there is no order bias.
"""

from __future__ import annotations

import math
from bisect import bisect

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit_plugins.discoverers._orders import IMPOSSIBLE, Tables
from causalkit_plugins.discoverers._scores import Set

Floats = npt.NDArray[np.float64]
UNLIKELY = 1e-9
"""Parents so much less likely than the likeliest are not drawn."""
KEPT = 1000
"""How many questions about one node's parents are kept."""


def draw_graphs(
    tables: Tables, starts: list[list[Set]], rng: np.random.Generator, sweeps: int, context: Context = Context()
) -> Floats:
    """The share of each arc, `[p, p]`, row -> column, in graphs drawn from chains that begin at `starts`.

    A sweep is as many moves as there are nodes. The first fifth of each chain is left out.
    """
    choices = [_Parents(tables, i) for i in range(tables.size)]
    chains = [_Chain(tables, choices, start, rng) for start in starts]
    count = np.zeros((tables.size, tables.size))
    kept = 0
    for turn in context.track(range(sweeps), "graphs"):
        for chain in chains:
            context.check()
            chain.sweep()
            if turn >= sweeps // 5:
                count += chain.arcs()
                kept += 1
    return count / kept


def least_error(chance: Floats) -> list[Set]:
    """The parents of each node in the acyclic graph of least expected directed SHD, by chances of arcs `[p, p]`.

    An arc is right with its chance p, and costs one where it is missing, too many or turned round; so it pays where
    2 p + q > 1, q being the chance of its reverse. Those that pay most come first; one that closes a cycle is left out.
    """
    gain = np.round(2 * chance + chance.T - 1, 9)
    arcs = sorted((-gain[i, j], int(i), int(j)) for i, j in np.argwhere(gain > 0))
    parents: list[set[int]] = [set() for _ in chance]
    above = [1 << i for i in range(len(chance))]  # each node with all that it follows from
    for _, i, j in arcs:
        if above[i] >> j & 1 or j in parents[i]:
            continue
        parents[j].add(i)
        above = [own | above[i] if own >> j & 1 else own for own in above]
    return [tuple(sorted(own)) for own in parents]


class _Parents:
    """Draws of one node's parents, from its tables; what was asked once is kept."""

    def __init__(self, tables: Tables, i: int) -> None:
        self.listed = [(1 << int(j), int(tables.bits[i, j])) for j in np.flatnonzero(tables.bits[i])]
        self.near = sum(node for node, _ in self.listed)
        self.total = tables.total[i]
        self.sets = np.flatnonzero(tables.own[i] > IMPOSSIBLE)
        self.scores = tables.own[i, self.sets]
        self._outside: dict[int, tuple[int, float]] = {}
        self._weights: dict[tuple[int, int], tuple[list[int], list[float]]] = {}

    def outside(self, below: int) -> tuple[int, float]:
        """The candidates that are not among the nodes `below`, and the log of the sum over their sets."""
        below &= self.near
        if below not in self._outside:
            mask = sum(bit for node, bit in self.listed if not below & node)
            self._outside[below] = mask, float(self.total[mask])
        return self._outside[below]

    def draw(self, mask: int, chance: float, outside: int = -1) -> int:
        """Parents within `mask`; with `outside`, such as are not within that."""
        if (mask, outside) not in self._weights:
            inside = (self.sets & ~mask) == 0
            if outside >= 0:
                inside &= (self.sets & ~outside) != 0
            where = np.flatnonzero(inside)
            weight = np.exp(self.scores[where] - self.scores[where].max())
            likely = np.flatnonzero(weight > UNLIKELY)
            if len(self._weights) > KEPT:
                self._weights.clear()
            kept = self.sets[where[likely]].tolist(), np.cumsum(weight[likely]).tolist()
            self._weights[mask, outside] = kept
        sets, weights = self._weights[mask, outside]
        return int(sets[bisect(weights, chance * weights[-1], hi=len(weights) - 1)])


class _Chain:
    """One graph that moves. Sets of nodes are the bits of an int; sets of candidates, as in `Tables`, too."""

    def __init__(self, tables: Tables, choices: list[_Parents], start: list[Set], rng: np.random.Generator) -> None:
        self.bits, self.choices, self.rng = tables.bits, choices, rng
        self.size = tables.size
        near = (self.bits > 0) | (self.bits > 0).T
        self.partners = [np.flatnonzero(row).tolist() for row in near]
        self.movable = [i for i in range(self.size) if self.partners[i]]
        self.children = [0] * self.size
        self.parents = [0] * self.size
        for i, own in enumerate(start):
            self._set(i, sum(int(self.bits[i, j]) for j in own))

    def arcs(self) -> Floats:
        """The graph as it is, `[p, p]`, row -> column."""
        return np.asarray((self.bits & np.array(self.parents)[:, None]) > 0, float).T

    def sweep(self) -> None:
        """As many moves as there are nodes."""
        if not self.movable:
            return
        picks = self.rng.random((self.size, 5)).tolist()
        for one, other, *chances in picks:
            u = self.movable[int(one * len(self.movable))]
            v = self.partners[u][int(other * len(self.partners[u]))]
            self._move(u, v, chances)

    def _move(self, u: int, v: int, chances: list[float]) -> None:
        """Draw the parents of u and of v anew: either u stays clear of v and below, or v of u and below."""
        self._set(u, 0)
        self._set(v, 0)
        below_u, below_v = self._below(u), self._below(v)
        of_u, of_v = self.choices[u], self.choices[v]
        free_u, all_u = of_u.outside(below_u)
        free_v, all_v = of_v.outside(below_v)
        apart_u, some_u = of_u.outside(below_u | below_v)
        apart_v, some_v = of_v.outside(below_u | below_v)
        rest = -math.expm1(min(some_u - all_u, 0.0))
        u_below = all_u + math.log(rest) + some_v if rest > 1e-12 else -math.inf
        odds = min(u_below - some_u - all_v, 700.0)
        if chances[0] * (1 + math.exp(odds)) < 1:
            self._set(u, of_u.draw(apart_u, chances[1]))
            self._set(v, of_v.draw(free_v, chances[2]))
        else:
            self._set(u, of_u.draw(free_u, chances[1], apart_u))
            self._set(v, of_v.draw(apart_v, chances[2]))

    def _below(self, i: int) -> int:
        """I and all that it causes."""
        found = ahead = 1 << i
        while ahead:
            low = ahead & -ahead
            ahead ^= low
            new = self.children[low.bit_length() - 1] & ~found
            found |= new
            ahead |= new
        return found

    def _set(self, i: int, mask: int) -> None:
        """Make the candidates in `mask` the parents of i."""
        changed = self.parents[i] ^ mask
        if not changed:
            return
        self.parents[i] = mask
        for node, bit in self.choices[i].listed:
            if changed & bit:
                self.children[node.bit_length() - 1] ^= 1 << i
