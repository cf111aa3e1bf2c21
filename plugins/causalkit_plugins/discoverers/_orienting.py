"""Answers put into a graph that is there: directions of undirected edges, and answers as evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import networkx as nx
import numpy as np

from causalkit.types import CausalGraph, Edge, Evidence, Knowledge, Opinion, StructurePrior
from causalkit_plugins.discoverers._likelihood import Pair

__all__ = ["orient_after", "with_evidence"]

LEAST = float(np.log(2))
"""Log odds of a direction from which an edge takes it."""


def orient_after(graph: CausalGraph, prior: StructurePrior, knowledge: Knowledge) -> CausalGraph:
    """Direct `--` edges by the prior, the surest first: for a discoverer that takes none.

    Odds below 2 to 1 direct none. What knowledge rules out, what would close a cycle, and what would make two causes
    meet that no edge joins stays undirected.
    """
    arrows = graph.directed()
    sure = {frozenset((e.source, e.target)): _odds(prior, e) for e in graph if e.mark == "--"}
    edges = {frozenset((e.source, e.target)): e for e in graph}
    for pair, odds in sorted(sure.items(), key=lambda item: (-abs(item[1]), sorted(item[0]))):
        edge = edges[pair]
        a, b = (edge.source, edge.target) if odds > 0 else (edge.target, edge.source)
        meets = any(frozenset((c, a)) not in edges for c in arrows.predecessors(b))
        if abs(odds) >= LEAST and knowledge.allows(a, b) and not meets and not nx.has_path(arrows, b, a):
            arrows.add_edge(a, b)
            edges[pair] = replace(edge, source=a, target=b, mark="->")
    return replace(graph, edges=tuple(edges.values()))


def with_evidence(graph: CausalGraph, prior: StructurePrior, opinions: Sequence[Opinion]) -> CausalGraph:
    """Each edge with what the models said of its two ends, where its evidence lacks that."""
    said: dict[frozenset[str], list[Opinion]] = {}
    for o in opinions:
        said.setdefault(frozenset((o.a, o.b)), []).append(o)
    edges = []
    for edge in graph:
        told = said.get(frozenset((edge.source, edge.target)))
        known = any(one.source == "llm" for one in edge.evidence)
        more = () if not told or known else (Evidence("llm", _told(edge, prior, told)),)
        edges.append(replace(edge, evidence=(*edge.evidence, *more)))
    return replace(graph, edges=tuple(edges))


def _odds(prior: StructurePrior, edge: Edge) -> float:
    beliefs: Mapping[Pair, float] = prior.edges
    return beliefs.get((edge.source, edge.target), 0.0) - beliefs.get((edge.target, edge.source), 0.0)


def _told(edge: Edge, prior: StructurePrior, opinions: Sequence[Opinion]) -> str:
    a, b = edge.source, edge.target
    ways = [{"a->b": f"{o.a} -> {o.b}", "b->a": f"{o.b} -> {o.a}"}.get(o.said, o.said) for o in opinions]
    counts = ", ".join(f"{ways.count(way)} × {way}" for way in sorted(set(ways)))
    there, back = prior.edges.get((a, b), 0.0), prior.edges.get((b, a), 0.0)
    return f"said {counts}; log odds {there:.2f} of {a} -> {b}, {back:.2f} back"
