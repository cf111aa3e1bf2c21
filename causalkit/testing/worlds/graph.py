"""Tables whose causal graph is planted: Gaussian, discrete and mixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from causalkit.types import CausalGraph, Variables

__all__ = ["GRAPH_WORLDS", "GraphWorld", "graph_world"]


@dataclass(frozen=True)
class GraphWorld:
    """A table, the graph that made it, and the assumptions that hold in it."""

    name: str
    summary: str
    holds: frozenset[str]
    variables: Variables
    graph: CausalGraph


GRAPH_WORLDS: dict[str, Callable[[int], GraphWorld]] = {}
"""World name → what draws it from a seed."""


@lru_cache(maxsize=64)
def graph_world(name: str, seed: int = 0) -> GraphWorld:
    """The planted world of that name; the same seed draws the same rows."""
    return GRAPH_WORLDS[name](seed)
