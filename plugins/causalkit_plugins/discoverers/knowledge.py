"""The graph that is known beforehand."""

from __future__ import annotations

from itertools import permutations

from causalkit.components import Context, component
from causalkit.types import CausalGraph, Edge, Evidence, Knowledge, Variables


@component
class KnowledgeGraph:
    """What tiers, required and forbidden edges say, and nothing from data.

    Required edges are `->` with confidence 1. With `complete`, every other pair that is not ruled out
    is joined too: `->` where tiers leave one direction, `--` where they leave both.

    The graph is as right as the knowledge is. It claims nothing of data, so it has no `assumes`, and in planted
    worlds it counts as unverified.
    """

    complete: bool = False
    "Also join every pair that tiers and forbidden edges allow."

    def discover(
        self,
        variables: Variables,
        knowledge: Knowledge | None = None,
        *,
        context: Context = Context(),
    ) -> CausalGraph:
        """The graph over all columns of `variables`.

        Raises
        ------
        ConfigError : knowledge that contradicts itself, or names unknown columns in an edge.
        """
        known = variables.knowledge(knowledge)
        known = known.about(variables.names)
        edges = [_edge(a, b, known, "required", 1.0) for a, b in sorted(known.required)]
        if self.complete:
            edges += _allowed(variables.names, known)
        return CausalGraph(variables.names, tuple(edges))


def _allowed(names: tuple[str, ...], known: Knowledge) -> list[Edge]:
    """Every pair that may be joined and is not required, each once."""
    edges = []
    for a, b in permutations(sorted(names), 2):
        if (a, b) in known.required or not known.allows(a, b):
            continue
        if not known.allows(b, a):
            edges.append(_edge(a, b, known, "allowed", 0.5))
        elif a < b:
            edges.append(_edge(a, b, known, "allowed", 0.5, both=True))
    return edges


def _edge(a: str, b: str, known: Knowledge, why: str, confidence: float, both: bool = False) -> Edge:
    evidence = (Evidence("knowledge", f"{why}: {known.because(a, b)}"),)
    return Edge(a, b, "--" if both else "->", confidence, evidence)
