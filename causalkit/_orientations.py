"""The DAGs that a partly directed graph stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from causalkit.types.graph import CausalGraph, Edge

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Orientations", "latent_name", "orientations"]

Arrows = tuple[tuple[str, str], ...]
STEPS = 20_000
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


def orientations(graph: CausalGraph, limit: int = 64) -> Orientations:
    """DAGs in which each edge of unknown direction has one, acyclic and without new v-structures.

    `--` may point either way, `o->` may also be an unobserved common cause, `o-o` any of the three;
    `<->` always is an unobserved common cause, which becomes a node of its own (`latent_name`).
    At most `limit` are returned; `note` says so, and says when no orientation was consistent and
    the ban on new v-structures was lifted. A graph whose directed part has a cycle gives none.
    """
    fixed = [a for e in graph.edges for a in _arrows(e)[0] if len(_arrows(e)) == 1]
    open_edges = [e for e in sorted(graph.edges, key=_pair) if len(_arrows(e)) > 1]
    adjacent = {frozenset((e.source, e.target)) for e in graph.edges}
    search = _Search(_in_reach_order(open_edges), adjacent, limit)
    certain = {(e.source, e.target) for e in graph.edges if e.mark in ("->", "o->")}
    certain |= {p for e in graph.edges if e.mark == "<->" for p in ((e.source, e.target), (e.target, e.source))}
    start = tuple(dict.fromkeys(fixed))
    if _cyclic(start):
        return Orientations((), "its directed edges form a cycle")
    search.run(start, certain)
    note = f"only the first {limit} consistent orientations were read" if search.cut else ""
    if not search.found:
        search = _Search(search.edges, None, limit)
        search.run(start, certain)
        note = "no orientation of its undirected edges keeps its v-structures; any acyclic one was read"
    return Orientations(tuple(_dag(graph.nodes, arrows) for arrows in search.found), note)


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


def _in_reach_order(edges: list[Edge]) -> list[Edge]:
    """Edges such that each touches an earlier one where it can, so that conflicts show early."""
    left, ordered, reached = list(edges), [], set[str]()
    while left:
        touching = [e for e in left if {e.source, e.target} & reached]
        chosen = (touching or left)[0]
        left.remove(chosen)
        ordered.append(chosen)
        reached |= {chosen.source, chosen.target}
    return ordered


class _Search:
    """Depth-first over the open edges; a choice that breaks a rule ends its branch."""

    def __init__(self, edges: list[Edge], adjacent: set[frozenset[str]] | None, limit: int) -> None:
        self.edges = edges
        self.adjacent = adjacent
        self.limit = limit
        self.steps = 0
        self.cut = False
        self.found: list[Arrows] = []

    def run(self, arrows: Arrows, heads: set[tuple[str, str]], depth: int = 0) -> None:
        """`heads` holds (from, into) for every arrowhead between two named nodes."""
        self.steps += 1
        if len(self.found) >= self.limit or self.steps > STEPS:
            self.cut = True
            return
        if depth == len(self.edges):
            self.found.append(arrows)
            return
        edge = self.edges[depth]
        for reading in _arrows(edge):
            new = _heads(edge, reading) - heads
            if not self._makes_collider(new, heads) and not _cyclic(arrows + reading):
                self.run(arrows + reading, heads | new, depth + 1)

    def _makes_collider(self, new: set[tuple[str, str]], heads: set[tuple[str, str]]) -> bool:
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


def _cyclic(arrows: Arrows) -> bool:
    import networkx as nx

    return not nx.is_directed_acyclic_graph(nx.DiGraph(list(arrows)))


def _dag(nodes: tuple[str, ...], arrows: Arrows) -> nx.DiGraph[str]:
    import networkx as nx

    dag: nx.DiGraph[str] = nx.DiGraph()
    dag.add_nodes_from(nodes)
    dag.add_edges_from(arrows)
    return dag
