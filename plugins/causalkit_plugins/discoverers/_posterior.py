"""Graphs drawn from their posterior: Gibbs sampling of the parents of two nodes at a time.

Given all other nodes' parents, the two sets are drawn together from all that leave the graph without a cycle, so
an edge can turn in one step (Goudie & Mukherjee 2016, JMLR 17; the reversal of Grzegorczyk & Husmeier 2008 is one of
these moves). Every graph counts once, in however many orders its nodes can stand: there is no order bias.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit_plugins.discoverers._orders import IMPOSSIBLE, Tables
from causalkit_plugins.discoverers._scores import Set

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


def draw_graphs(
    tables: Tables, starts: list[list[Set]], rng: np.random.Generator, sweeps: int, context: Context = Context()
) -> Floats:
    """The share of each arc, `[p, p]`, row -> column, in graphs drawn from chains that begin at `starts`.

    A sweep is as many moves as there are nodes. The first fifth of each chain is left out.
    """
    chains = [_Chain(tables, start, rng) for start in starts]
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


class _Chain:
    """One graph that moves. Sets of nodes are the bits of an int; sets of candidates, as in `Tables`, too."""

    def __init__(self, tables: Tables, start: list[Set], rng: np.random.Generator) -> None:
        self.tables, self.rng = tables, rng
        self.size = tables.size
        bits = tables.bits
        self.listed = [[(1 << int(j), int(bits[i, j])) for j in np.flatnonzero(bits[i])] for i in range(self.size)]
        self.sets = [np.flatnonzero(own > IMPOSSIBLE) for own in tables.own]
        self.scores = [own[sets] for own, sets in zip(tables.own, self.sets, strict=True)]
        near = (bits > 0) | (bits > 0).T
        self.partners = [np.flatnonzero(row).tolist() for row in near]
        self.movable = [i for i in range(self.size) if self.partners[i]]
        self.children = [0] * self.size
        self.parents = [0] * self.size
        for i, own in enumerate(start):
            self._set(i, sum(int(bits[i, j]) for j in own))

    def arcs(self) -> Floats:
        """The graph as it is, `[p, p]`, row -> column."""
        return np.asarray((self.tables.bits & np.array(self.parents)[:, None]) > 0, float).T

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
        """Draw the parents of u and of v anew."""
        self._set(u, 0)
        self._set(v, 0)
        below_u, below_v = self._below(u), self._below(v)
        free_u, free_v = self._outside(u, below_u), self._outside(v, below_v)
        apart_u, apart_v = self._outside(u, below_u | below_v), self._outside(v, below_u | below_v)
        total = self.tables.total
        u_apart = total[u, apart_u] + total[v, free_v]  # u is not below v: v may be below u
        rest = 1 - np.exp(total[u, apart_u] - total[u, free_u])
        u_below = total[u, free_u] + np.log(rest) + total[v, apart_v] if rest > 1e-13 else -np.inf
        if chances[0] < 1 / (1 + np.exp(np.clip(u_below - u_apart, -700, 700))):
            self._set(u, self._draw(u, apart_u, chances[1]))
            self._set(v, self._draw(v, free_v, chances[2]))
        else:
            self._set(u, self._draw(u, free_u, chances[1], apart_u))
            self._set(v, self._draw(v, apart_v, chances[2]))

    def _draw(self, i: int, mask: int, chance: float, outside: int | None = None) -> int:
        """Parents of i within `mask`; with `outside`, such as are not within that."""
        sets = self.sets[i]
        inside = (sets & ~mask) == 0
        if outside is not None:
            inside &= (sets & ~outside) != 0
        where = np.flatnonzero(inside)
        scores = self.scores[i][where]
        weight = np.cumsum(np.exp(scores - scores.max()))
        return int(sets[where[int(np.searchsorted(weight, chance * weight[-1], side="right"))]])

    def _outside(self, i: int, below: int) -> int:
        """The candidates of i that are not among the nodes `below`."""
        return sum(bit for node, bit in self.listed[i] if not below & node)

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
        self.parents[i] = mask
        for node, bit in self.listed[i]:
            if changed & bit:
                self.children[node.bit_length() - 1] ^= 1 << i
