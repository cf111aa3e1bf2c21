"""Colliders and Meek's rules on boolean matrices, applied to all edges at once.

Every rule reads the state before the round, so no order of edges matters; an edge that two rules
would turn opposite ways stays undirected.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Triple = tuple[int, int, int]


@dataclass
class Marks:
    """Which edges have a direction: `directed[i, j]` says `i -> j`.

    `undecided` are edges that rules contradicted; `ambiguous` triples are neither collider nor not.
    """

    adjacent: Bools
    directed: Bools
    undecided: Bools
    ambiguous: set[Triple] = field(default_factory=set)
    against_knowledge: int = 0
    cycles: int = 0

    @property
    def open(self) -> Bools:
        """Edges without a direction that may still get one, symmetric."""
        return self.adjacent & ~self.directed & ~self.directed.T & ~self.undecided

    def turn(self, proposed: Bools) -> bool:
        """Direct open edges as proposed, except where both ways are; says whether anything changed."""
        proposed = proposed & self.open
        both = proposed & proposed.T
        self.undecided |= both
        self.directed |= proposed & ~both
        return bool(proposed.any())

    def is_ambiguous(self, a: int, middle: int, b: int) -> bool:
        return (min(a, b), middle, max(a, b)) in self.ambiguous


def orient(adjacent: Bools, allowed: Bools, colliders: Iterable[Triple], ambiguous: Iterable[Triple]) -> Marks:
    """Directions from knowledge, then from colliders, then from Meek's four rules (Meek 1995).

    Parameters
    ----------
    allowed : row i, column j: whether `i -> j` is not ruled out; no edge is ever turned against it.
    colliders : triples (i, k, j), i < j, in which both arrows point at k.
    ambiguous : triples of which nothing is concluded.
    """
    by_knowledge = adjacent & allowed & ~allowed.T
    marks = Marks(adjacent, by_knowledge.copy(), np.zeros_like(adjacent), set(ambiguous))
    proposed = np.zeros_like(adjacent)
    for i, k, j in colliders:
        if allowed[i, k] and allowed[j, k]:
            proposed[i, k] = proposed[j, k] = True
        else:
            marks.against_knowledge += 1
            marks.ambiguous.add((i, k, j))
    marks.turn(proposed)
    _meek(marks)
    _break_cycles(marks, by_knowledge)
    return marks


def _meek(marks: Marks) -> None:
    apart = ~marks.adjacent & ~np.eye(len(marks.adjacent), dtype=bool)
    while True:
        proposed = _away_from_colliders(marks, apart) | _away_from_cycles(marks)
        open_edges = marks.open
        for i, j in np.argwhere(open_edges & ~proposed):
            if _two_chains(marks, open_edges, apart, i, j) or _long_chain(marks, open_edges, apart, i, j):
                proposed[i, j] = True
        if not marks.turn(proposed):
            return


def _away_from_colliders(marks: Marks, apart: Bools) -> Bools:
    """Rule 1: `i -> k -- j`, i and j apart: `k -> j`."""
    count = marks.directed.T.astype(np.float32) @ apart.astype(np.float32)
    for a, k, b in marks.ambiguous:
        count[k, b] -= marks.directed[a, k] & apart[a, b]
        count[k, a] -= marks.directed[b, k] & apart[a, b]
    return np.asarray(count > 0.5)


def _away_from_cycles(marks: Marks) -> Bools:
    """Rule 2: `i -> k -> j` and `i -- j`: `i -> j`."""
    directed = marks.directed.astype(np.float32)
    return np.asarray(directed @ directed > 0.5)


def _two_chains(marks: Marks, open_edges: Bools, apart: Bools, i: int, j: int) -> bool:
    """Rule 3: `i -- k -> j`, `i -- l -> j`, k and l apart: `i -> j`."""
    via = np.flatnonzero(open_edges[i] & marks.directed[:, j])
    pairs = np.argwhere(np.triu(apart[np.ix_(via, via)]))
    return any(not marks.is_ambiguous(int(via[a]), int(i), int(via[b])) for a, b in pairs)


def _long_chain(marks: Marks, open_edges: Bools, apart: Bools, i: int, j: int) -> bool:
    """Rule 4: `i -- k -> l -> j`, i adjacent to l, k and j apart: `i -> j`."""
    first = [k for k in np.flatnonzero(open_edges[i] & apart[j]) if not marks.is_ambiguous(int(k), int(i), int(j))]
    second = np.flatnonzero(marks.adjacent[i] & marks.directed[:, j])
    return bool(marks.directed[np.ix_(first, second)].any()) if first and len(second) else False


def _break_cycles(marks: Marks, kept: Bools) -> None:
    """Directed edges on a cycle lose their direction, those of knowledge aside."""
    import networkx as nx

    graph = nx.DiGraph([(int(i), int(j)) for i, j in np.argwhere(marks.directed)])
    for part in nx.strongly_connected_components(graph):
        if len(part) > 1:
            inside = np.zeros(len(kept), bool)
            inside[list(part)] = True
            marks.directed &= ~(np.outer(inside, inside) & ~kept)
            marks.cycles += 1
