"""What a score search found, in words: edges with their marks, confidences and evidence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from causalkit.types import CausalGraph, Edge, Evidence, Knowledge, StructurePrior
from causalkit_plugins.discoverers._orientation import orient
from causalkit_plugins.discoverers._structure import Found

Arc = tuple[int, int]
FIRM = 2.0
"""`firm`: how many drawn graphs must point one way for each that points the other. A convention: at 2 to 1, no more
than a third of the directions given is expected to be wrong."""


def describe(
    found: Found,
    names: Sequence[str],
    nodes: Sequence[str],
    known: Knowledge,
    prior: StructurePrior | None,
    directed: Collection[Arc],
) -> CausalGraph:
    """The graph over `nodes`, of which `names` took part; arcs that are not in `directed` become `--`.

    An edge's confidence is the probability of what it says: of the arc, or for `--` of an edge either way.
    """
    edges = []
    for child, own in enumerate(found.parents):
        for parent in own:
            arc = (parent, child)
            edges.append(_edge(found, names, arc, arc in directed, known, prior))
    joined = {frozenset((edge.source, edge.target)) for edge in edges}
    edges += [_required(a, b, known) for a, b in sorted(known.required) if {a, b} not in joined]
    edges.sort(key=lambda edge: (edge.source, edge.target))
    return CausalGraph(tuple(nodes), tuple(edges), notes=tuple(found.notes))


def arcs(found: Found) -> set[Arc]:
    """All (parent, child)."""
    return {(parent, child) for child, own in enumerate(found.parents) for parent in own}


def firm(found: Found) -> set[Arc]:
    """Arcs that graphs drawn from the posterior have `FIRM` times as often as the reverse."""
    return {(i, j) for i, j in arcs(found) if found.marginals[i, j] >= FIRM * found.marginals[j, i]}


def shared(found: Found) -> set[Arc]:
    """Arcs that every equivalent graph has which keeps to what is known (Meek 1995)."""
    size = len(found.parents)
    adjacent = np.zeros((size, size), bool)
    for child, own in enumerate(found.parents):
        adjacent[child, list(own)] = adjacent[list(own), child] = True
    colliders = [
        (a, child, b)
        for child, own in enumerate(found.parents)
        for a, b in combinations(sorted(own), 2)
        if not adjacent[a, b]
    ]
    marks = orient(adjacent, found.beliefs.allowed, colliders, ())
    return {(a, b) for a, to in enumerate(marks.children) for b in to}


def _edge(
    found: Found, names: Sequence[str], arc: Arc, directed: bool, known: Knowledge, prior: StructurePrior | None
) -> Edge:
    i, j = arc
    a, b = names[i], names[j]
    if (a, b) in known.required:
        return _required(a, b, known, found.lost[arc])
    there, back = float(found.marginals[i, j]), float(found.marginals[j, i])
    evidence = [
        Evidence(
            "data",
            f"probability {there + back:.3f} of an edge, {there:.3f} of {a} -> {b}; "
            f"without it the log score is {found.lost[arc]:.2f} lower",
        )
    ]
    if not known.allows(b, a):
        evidence.append(Evidence("knowledge", f"direction: {known.because(b, a)}"))
    if prior is not None and ((a, b) in prior.edges or (b, a) in prior.edges):
        source: Literal["llm", "knowledge"] = "knowledge" if prior.source == "knowledge" else "llm"
        said = f"log odds {prior.edges.get((a, b), 0.0):.2f} of {a} -> {b}, {prior.edges.get((b, a), 0.0):.2f} back"
        evidence.append(Evidence(source, f"{said}, of {prior.source}"))
    if not directed and b < a:
        a, b = b, a
    confidence = float(np.clip(there if directed else there + back, 0, 1))
    return Edge(a, b, "->" if directed else "--", confidence, tuple(evidence), max(found.lost[arc], 0.0))


def _required(a: str, b: str, known: Knowledge, lost: float | None = None) -> Edge:
    evidence = [Evidence("knowledge", f"required: {known.because(a, b)}")]
    if lost is not None:
        evidence.append(Evidence("data", f"without it the log score is {lost:.2f} lower"))
    return Edge(a, b, "->", 1.0, tuple(evidence), None if lost is None else max(lost, 0.0))
