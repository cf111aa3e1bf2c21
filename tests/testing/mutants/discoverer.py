"""Components that pass, and that fail, the checks in `causalkit.testing.checks.discoverer`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
import pandas as pd
from causalkit_plugins.discoverers.knowledge import KnowledgeGraph
from causalkit_plugins.discoverers.pc import PC

from causalkit.components import Context, component
from causalkit.types import CausalGraph, Edge, Evidence, Knowledge, Variables
from tests.testing.mutants import Make

HEALTHY: list[Make] = [
    lambda _: PC(),
    lambda _: PC(test="discrete"),
    lambda _: KnowledgeGraph(),
    lambda _: KnowledgeGraph(complete=True),
]

FROM_DATA = (Evidence("data", "seen", 0.001),)


def _with(change: Callable[[CausalGraph, Variables], CausalGraph]) -> Make:
    """PC, and something done to its graph."""

    @component
    class Mutant(PC):
        def discover(
            self, variables: Variables, knowledge: Knowledge | None = None, *, context: Context = Context()
        ) -> CausalGraph:
            return change(super().discover(variables, knowledge, context=context), variables)

    return lambda _: Mutant()


def _after(first: Callable[[Variables], object]) -> Make:
    """PC, and something done to the table before."""

    @component
    class Mutant(PC):
        def discover(
            self, variables: Variables, knowledge: Knowledge | None = None, *, context: Context = Context()
        ) -> CausalGraph:
            first(variables)
            return super().discover(variables, knowledge, context=context)

    return lambda _: Mutant()


def _joined(graph: CausalGraph, a: str, b: str) -> CausalGraph:
    more = () if a == b or graph.edge(a, b) else (Edge(a, b, "--", 0.5, FROM_DATA),)
    return replace(graph, edges=(*graph.edges, *more))


def _by_the_first_row(graph: CausalGraph, variables: Variables) -> CausalGraph:
    names = sorted(variables.names)
    at = crc32(str(variables.table.iloc[0][names[0]]).encode()) % (len(names) - 1)
    return _joined(graph, names[at], names[at + 1])


def _backwards(graph: CausalGraph, _: Variables) -> CausalGraph:
    turned = tuple(replace(e, source=e.target, target=e.source) if e.mark == "->" else e for e in graph)
    return replace(graph, edges=turned)


def _raise_if(odd: Callable[[pd.DataFrame], bool]) -> Make:
    def look(variables: Variables) -> None:
        if odd(variables.table):
            raise ValueError("array must not contain infs or NaNs")

    return _after(look)


def _numbers(table: pd.DataFrame) -> Any:
    return table.select_dtypes("number").to_numpy(float)


def _constant(table: pd.DataFrame) -> list[str]:
    return [name for name in table if table[name].nunique() == 1 and len(table) > 1]


@component
class Heedless(PC):
    """Takes no notice of knowledge."""

    def discover(
        self, variables: Variables, knowledge: Knowledge | None = None, *, context: Context = Context()
    ) -> CausalGraph:
        bare = replace(variables, columns=tuple(replace(c, tier=None) for c in variables.columns))
        return super().discover(bare, None, context=context)


@component
class Counting(PC):
    """Remembers how often it was asked."""

    def discover(
        self, variables: Variables, knowledge: Knowledge | None = None, *, context: Context = Context()
    ) -> CausalGraph:
        self.asked = getattr(self, "asked", 0) + 1
        graph = super().discover(variables, knowledge, context=context)
        return replace(graph, notes=(f"asked {self.asked} times",))


@component
class Deaf(PC):
    """Goes on when it is told to stop."""

    def discover(
        self, variables: Variables, knowledge: Knowledge | None = None, *, context: Context = Context()
    ) -> CausalGraph:
        if context.cancelled():
            time.sleep(1.1)
        return super().discover(variables, knowledge)


@component
class Blind(PC):
    """Claims to need discrete columns, takes any, and says nothing."""

    assumes: ClassVar[frozenset[str]] = frozenset({"sufficiency", "faithfulness", "discrete"})  # type: ignore[assignment]

    def discover(
        self, variables: Variables, knowledge: Knowledge | None = None, *, context: Context = Context()
    ) -> CausalGraph:
        return replace(super().discover(variables, knowledge, context=context), notes=())


MUTANTS: dict[str, Make] = {
    "discoverer/gives-a-graph-over-the-variables": _with(lambda g, _: replace(g, nodes=(*g.nodes, "bias"))),
    "discoverer/edges-carry-their-evidence": _with(
        lambda g, _: replace(g, edges=tuple(replace(e, evidence=()) for e in g))
    ),
    "discoverer/knowledge-is-kept": lambda _: Heedless(),
    "discoverer/columns-permuted-give-the-same-graph": _with(lambda g, v: _joined(g, v.names[0], v.names[-1])),
    "discoverer/rows-permuted-give-the-same-graph": _with(_by_the_first_row),
    "discoverer/names-do-not-matter": _with(lambda g, _: replace(g, edges=tuple(e for e in g if len(e.source) > 2))),
    "discoverer/leaves-the-table-alone": _after(lambda v: v.table.sort_index(ascending=False, inplace=True)),
    "discoverer/repeats-under-one-seed": lambda _: Counting(),
    "discoverer/stands-too-few-rows": _raise_if(lambda table: len(table) < 5),
    "discoverer/joins-no-constant-column": _with(
        lambda g, v: _joined(g, v.treatment, next(iter(_constant(v.table)), v.treatment))
    ),
    "discoverer/stands-copies-of-columns": _raise_if(
        lambda table: any(table[a].equals(table[b]) for a, b in combinations(table, 2))
    ),
    "discoverer/stands-missing-and-huge-numbers": _raise_if(lambda table: not np.isfinite(_numbers(table)).all()),
    "discoverer/answers-or-refuses-in-every-world": _raise_if(
        lambda table: table.select_dtypes("number").shape[1] < table.shape[1]
    ),
    "discoverer/can-be-stopped": lambda _: Deaf(),
    "discoverer/finds-the-planted-edges": _with(lambda g, _: replace(g, edges=g.edges[::2])),
    "discoverer/directions-are-right": _with(_backwards),
    "discoverer/joins-little-where-nothing-is": lambda _: PC(alpha=0.4),
    "discoverer/says-what-the-rows-can-show": lambda _: Blind(),
}
