"""The DAGs that a partly directed graph stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from causalkit.types.graph import CausalGraph, Edge

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Orientations", "latent_name", "orientations"]

Arrows = tuple[tuple[str, str], ...]
Heads = set[tuple[str, str]]
STEPS = 10_000
"""Choices tried before the search is cut short."""


@dataclass(frozen=True)
class Orientations:
    """DAGs consistent with a graph, and what a reader must know of how they were had."""

    dags: tuple[nx.DiGraph[str], ...]
    note: str = ""


def latent_name(a: str, b: str) -> str:
    """The node that stands for an unobserved common cause of two others."""
    first, second = sorted((a, b))
    return f"unobserved({first}, {second})"


def orientations(graph: CausalGraph, limit: int = 64, focus: Sequence[str] = ()) -> Orientations:
    """DAGs in which each edge of unknown direction has one, acyclic and without new v-structures.

    `--` may point either way, `o->` may also be an unobserved common cause, `o-o` any of the three;
    `<->` always is an unobserved common cause, which becomes a node of its own (`latent_name`).
    At most `limit` are returned, spread over the readings of the edges nearest to `focus`; `note` says
    so, and says when no orientation was consistent and the ban on new v-structures was lifted. A graph
    whose directed part has a cycle gives none.
    """
    fixed = [a for e in graph.edges for a in _arrows(e)[0] if len(_arrows(e)) == 1]
    open_edges = [e for e in sorted(graph.edges, key=_pair) if len(_arrows(e)) > 1]
    adjacent = {frozenset((e.source, e.target)) for e in graph.edges}
    search = _Search(_near_first(open_edges, focus), adjacent)
    certain = {(e.source, e.target) for e in graph.edges if e.mark in ("->", "o->")}
    certain |= {p for e in graph.edges if e.mark == "<->" for p in ((e.source, e.target), (e.target, e.source))}
    start = tuple(dict.fromkeys(fixed))
    if _cyclic(start):
        return Orientations((), "its directed edges form a cycle")
    found, cut = search.run(start, certain, limit)
    note = f"only {len(found)} of its consistent orientations were read" if cut else ""
    if not found:
        found, _ = _Search(search.edges, None).run(start, certain, limit)
        note = "no orientation of its undirected edges keeps its v-structures; acyclic ones were read"
    return Orientations(tuple(_dag(graph.nodes, arrows) for arrows in found), note)


def _pair(edge: Edge) -> tuple[str, ...]:
    return tuple(sorted((edge.source, edge.target)))


def _arrows(edge: Edge) -> tuple[Arrows, ...]:
    """The ways an edge can be read, each as directed edges."""
    a, b = sorted((edge.source, edge.target))
    latent = ((latent_name(a, b), a), (latent_name(a, b), b))
    along: Arrows = ((edge.source, edge.target),)
    either: tuple[Arrows, ...] = (((a, b),), ((b, a),))
    return {
        "->": (along,),
        "--": either,
        "<->": (latent,),
        "o->": (along, latent),
        "o-o": (*either, latent),
    }[edge.mark]


def _near_first(edges: list[Edge], focus: Sequence[str]) -> list[Edge]:
    """Edges by their distance from `focus`, each touching an earlier one where it can: conflicts show early."""
    left, ordered, reached = list(edges), [], set(focus)
    while left:
        touching = [e for e in left if {e.source, e.target} & reached]
        chosen = (touching or left)[0]
        left.remove(chosen)
        ordered.append(chosen)
        reached |= {chosen.source, chosen.target}
    return ordered


class _Search:
    """Depth-first over the open edges; a choice that breaks a rule ends its branch."""

    def __init__(self, edges: list[Edge], adjacent: set[frozenset[str]] | None) -> None:
        self.edges = edges
        self.adjacent = adjacent
        self.steps = 0

    def run(self, arrows: Arrows, heads: Heads, limit: int) -> tuple[list[Arrows], bool]:
        """At most `limit` readings of all edges, and whether there are more.

        All of them where they fit; else the limit is shared out between the readings of each edge,
        the first edges first, so that these are seen both ways.
        """
        whole = self._from(arrows, heads, 0, limit + 1, shared=False)
        if len(whole) <= limit and self.steps <= STEPS:
            return whole, False
        self.steps = 0
        return self._from(arrows, heads, 0, limit, shared=True), True

    def _from(self, arrows: Arrows, heads: Heads, depth: int, limit: int, shared: bool) -> list[Arrows]:
        """`heads` holds (from, into) for every arrowhead between two named nodes."""
        self.steps += 1
        if limit <= 0 or self.steps > STEPS:
            return []
        if depth == len(self.edges):
            return [arrows]
        edge, found = self.edges[depth], list[Arrows]()
        readings = _arrows(edge)
        for at, reading in enumerate(readings):
            new = _heads(edge, reading) - heads
            if not self._makes_collider(new, heads) and not _closes_cycle(arrows, reading):
                left = limit - len(found)
                share = -(-left // (len(readings) - at)) if shared else left
                found += self._from(arrows + reading, heads | new, depth + 1, share, shared)
        return found

    def _makes_collider(self, new: set[tuple[str, str]], heads: Heads) -> bool:
        if self.adjacent is None:
            return False
        return any(
            other != tail and into == head and frozenset((other, tail)) not in self.adjacent
            for tail, head in new
            for other, into in heads
        )


def _heads(edge: Edge, reading: Arrows) -> set[tuple[str, str]]:
    if len(reading) == 1:
        return set(reading)
    return {(edge.source, edge.target), (edge.target, edge.source)}


def _closes_cycle(arrows: Arrows, reading: Arrows) -> bool:
    """Whether one more arrow leads back to where it starts; an unobserved cause never does."""
    if len(reading) > 1:
        return False
    effects: dict[str, list[str]] = {}
    for a, b in arrows:
        effects.setdefault(a, []).append(b)
    goal, start = reading[0]
    waiting, seen = [start], {start}
    while waiting:
        following = [n for n in effects.get(waiting.pop(), ()) if n not in seen]
        seen.update(following)
        waiting += following
    return goal in seen


def _cyclic(arrows: Arrows) -> bool:
    import networkx as nx

    return not nx.is_directed_acyclic_graph(nx.DiGraph(list(arrows)))


def _dag(nodes: tuple[str, ...], arrows: Arrows) -> nx.DiGraph[str]:
    import networkx as nx

    dag: nx.DiGraph[str] = nx.DiGraph()
    dag.add_nodes_from(nodes)
    dag.add_edges_from(arrows)
    return dag
