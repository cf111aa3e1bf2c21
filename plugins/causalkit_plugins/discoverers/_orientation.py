"""Directions for a skeleton: from knowledge, from colliders, from Meek's rules.

Every step reads the state before it and turns its edges all at once, so no order of edges matters; an
edge that the evidence would turn both ways stays undirected.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from causalkit_plugins.discoverers._meek import close

Bools = npt.NDArray[np.bool_]
Arrow = tuple[int, int]
Triple = tuple[int, int, int]


@dataclass
class Marks:
    """Which edges have a direction, as sets of neighbours of each variable.

    Parameters
    ----------
    near : all neighbours.
    parents, children : those with a direction.
    loose : those without, that may still get one.
    undecided : edges (i < j) that the evidence would turn both ways.
    settled : edges of that sort that the rest of the graph decided after all: one way would make a cycle.
    cyclic : edges that lost a direction to a cycle.
    colliders, ambiguous : open triples (i, middle, j), i < j; every other open triple is no collider.
    """

    near: list[set[int]]
    parents: list[set[int]]
    children: list[set[int]]
    loose: list[set[int]]
    undecided: set[Arrow] = field(default_factory=set)
    settled: set[Arrow] = field(default_factory=set)
    cyclic: set[Arrow] = field(default_factory=set)
    colliders: set[Triple] = field(default_factory=set)
    ambiguous: set[Triple] = field(default_factory=set)
    against_knowledge: int = 0
    cycles: int = 0

    @classmethod
    def none(cls, adjacent: Bools) -> Marks:
        """Every edge of a skeleton without a direction."""
        near: list[set[int]] = [set() for _ in range(len(adjacent))]
        for i, j in zip(*(at.tolist() for at in np.nonzero(adjacent)), strict=True):
            near[i].add(j)
        size = range(len(near))
        return cls(near, [set() for _ in size], [set() for _ in size], [set(others) for others in near])

    def point(self, a: int, b: int) -> None:
        """Direct an edge that has no direction `a -> b`."""
        self.children[a].add(b)
        self.parents[b].add(a)
        self.loose[a].discard(b)
        self.loose[b].discard(a)
        self.undecided.discard(_sorted(a, b))

    def doubt(self, a: int, b: int) -> None:
        """Leave an edge undirected, whatever it was."""
        for one, other in ((a, b), (b, a)):
            self.children[one].discard(other)
            self.parents[one].discard(other)
            self.loose[one].discard(other)
        self.undecided.add(_sorted(a, b))

    def turn(self, proposed: Iterable[Arrow]) -> list[Arrow]:
        """Direct loose edges as proposed, save where both ways are; says which were directed."""
        wanted = {(a, b) for a, b in proposed if b in self.loose[a]}
        plain = [(a, b) for a, b in wanted if (b, a) not in wanted]
        for a, b in wanted:
            if (b, a) in wanted:
                self.doubt(a, b)
        for a, b in plain:
            self.point(a, b)
        return plain

    def arrows(self) -> list[Arrow]:
        """Every directed edge."""
        return [(a, b) for a, to in enumerate(self.children) for b in to]

    def no_collider(self, a: int, middle: int, b: int) -> bool:
        """Whether an open triple is known not to be a collider."""
        triple = (min(a, b), middle, max(a, b))
        return triple not in self.ambiguous and triple not in self.colliders


def _sorted(a: int, b: int) -> Arrow:
    return (a, b) if a < b else (b, a)


def orient(adjacent: Bools, allowed: Bools, colliders: Iterable[Triple], ambiguous: Iterable[Triple]) -> Marks:
    """Directions from knowledge, then from colliders, then from Meek's four rules (Meek 1995, UAI).

    With knowledge that a DAG of the class keeps, the result is the maximally oriented graph: what has no
    direction goes one way in some such DAG and the other way in another.

    Parameters
    ----------
    allowed : row i, column j: whether `i -> j` is not ruled out; no edge is ever turned against it. The
        directions that it leaves no choice of must not form a cycle, see `weakest_in_cycles`.
    colliders : triples (i, k, j), i < j, in which both arrows point at k.
    ambiguous : triples of which nothing is concluded.
    """
    marks = Marks.none(adjacent)
    marks.ambiguous = set(ambiguous)
    marks.turn(_known(adjacent, allowed))
    _without_cycles(marks)
    given = set(marks.arrows())
    proposed = []
    for i, k, j in colliders:
        if marks.children[k] & {i, j}:
            marks.against_knowledge += 1
            marks.ambiguous.add((i, k, j))
        else:
            marks.colliders.add((i, k, j))
            proposed += [(i, k), (j, k)]
    marks.turn(proposed)
    _break_cycles(marks, given)
    close(marks, marks.arrows())
    _break_cycles(marks, given)
    while forced := _without_cycles(marks):
        close(marks, forced)
        _break_cycles(marks, given)
    return marks


def _known(adjacent: Bools, allowed: Bools) -> list[Arrow]:
    i, j = np.nonzero(adjacent)
    only = allowed[i, j] & ~allowed[j, i]
    return list(zip(i[only].tolist(), j[only].tolist(), strict=True))


def _without_cycles(marks: Marks) -> list[Arrow]:
    """Direct each edge whose ends a directed path joins along that path; says which were."""
    reached = _reached(marks)
    open_edges = [(a, b) for a, others in enumerate(marks.loose) for b in others if a < b]
    found = []
    for a, b in (*open_edges, *(marks.undecided - marks.cyclic)):
        if reached[a] >> b & 1:
            found.append((a, b))
        elif reached[b] >> a & 1:
            found.append((b, a))
    marks.settled |= marks.undecided & {_sorted(a, b) for a, b in found}
    for a, b in found:
        marks.point(a, b)
    return found


def _reached(marks: Marks) -> list[int]:
    """For each variable those that it causes, as bits; the directed edges have no cycle."""
    reached = [0] * len(marks.near)
    left = [len(to) for to in marks.children]
    ends = [i for i, count in enumerate(left) if not count]
    while ends:
        b = ends.pop()
        for a in marks.parents[b]:
            reached[a] |= reached[b] | 1 << b
            left[a] -= 1
            if not left[a]:
                ends.append(a)
    return reached


def reaches(marks: Marks, start: int, end: int) -> bool:
    """Whether a directed path leads from one variable to another."""
    seen, ahead = {start}, [start]
    while ahead:
        following = marks.children[ahead.pop()] - seen
        if end in following:
            return True
        seen |= following
        ahead += following
    return False


def _break_cycles(marks: Marks, kept: set[Arrow]) -> None:
    """Directed edges on a cycle lose their direction, those of knowledge aside."""
    for part in _cyclic_parts(marks.arrows()):
        marks.cycles += 1
        inside = {(a, b) for a in part for b in marks.children[a] & part}
        for one, other in inside - kept:
            marks.doubt(one, other)
            marks.cyclic.add(_sorted(one, other))


def _cyclic_parts(arrows: list[Arrow]) -> list[set[int]]:
    import networkx as nx

    return [part for part in nx.strongly_connected_components(nx.DiGraph(arrows)) if len(part) > 1]


def weakest_in_cycles(adjacent: Bools, allowed: Bools, required: Bools, kept_p: npt.NDArray[np.float64]) -> list[Arrow]:
    """Edges to leave out so that the directions that knowledge leaves no choice of form no cycle.

    Of each cycle the edge with the greatest p that is not required, one after another.
    """
    arrows, left_out = _known(adjacent, allowed), []
    while parts := _cyclic_parts(arrows):
        for part in parts:
            inside = [(a, b) for a, b in arrows if a in part and b in part and not required[a, b]]
            weakest = max(inside, key=lambda arrow: (np.nan_to_num(kept_p[arrow], nan=1.0), arrow))
            arrows.remove(weakest)
            left_out.append(weakest)
    return left_out


def stuck(marks: Marks) -> list[int]:
    """Variables that no DAG can order without a new collider or a cycle (Dor & Tarsi 1992); empty as a rule.

    Only of marks without ambiguous triples and undecided edges.
    """
    near = [set(others) for others in marks.near]
    children = [set(to) for to in marks.children]
    todo = set(range(len(near)))
    left = set(todo)
    while todo:
        x = todo.pop()
        if children[x] & left or not _is_sink(marks, near, x):
            continue
        left.discard(x)
        for y in near[x]:
            near[y].discard(x)
            todo.add(y)
        todo &= left
    return sorted(left)


def _is_sink(marks: Marks, near: list[set[int]], x: int) -> bool:
    """Whether every edge of x may point at x: what has no direction is adjacent to all other neighbours."""
    return all(near[x] - {y} <= marks.near[y] for y in near[x] & marks.loose[x])
