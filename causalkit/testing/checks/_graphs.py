"""Tables for a discoverer, and how its graph is compared: with another, a planted one, and what was known before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from causalkit.testing.kit import Subject
from causalkit.testing.worlds.graph import graph_world
from causalkit.types import CausalGraph, Column, ColumnKind, Edge, Knowledge, Variables

__all__ = [
    "against",
    "drawn_knowledge",
    "edges_of",
    "f1",
    "joined",
    "misdirected",
    "permuted",
    "renamed",
    "tables",
    "with_column",
]


def edges_of(graph: CausalGraph) -> frozenset[tuple[str, str, str]]:
    """Edges as (a, mark, b); those that read the same both ways, in the order of names."""
    return frozenset(
        (e.source, e.mark, e.target)
        if e.mark in ("->", "o->")
        else (min(e.source, e.target), e.mark, max(e.source, e.target))
        for e in graph
    )


def joined(graph: CausalGraph) -> frozenset[frozenset[str]]:
    """The pairs that an edge joins, whatever its mark."""
    return frozenset(frozenset((e.source, e.target)) for e in graph)


def f1(found: CausalGraph, planted: CausalGraph) -> float:
    """Of the pairs joined: twice those in both, over those in either. 1 where both are empty."""
    ours, true = joined(found), joined(planted)
    return 2 * len(ours & true) / (len(ours) + len(true)) if ours or true else 1.0


def misdirected(found: CausalGraph, planted: CausalGraph) -> list[Edge]:
    """Edges whose mark says something that is false, of those that are rightly there.

    `a -> b` says that a causes b, `a -- b` that one of them causes the other, `a <-> b` that neither does, `a o-> b`
    that b does not cause a; `a o-o b` says nothing.
    """
    return [e for e in found if (true := planted.edge(e.source, e.target)) is not None and _false(e, true)]


def _false(edge: Edge, true: Edge) -> bool:
    forwards = true.mark == "->" and true.source == edge.source
    backwards = true.mark == "->" and not forwards
    return {
        "->": not forwards,
        "--": true.mark == "<->",
        "<->": true.mark == "->",
        "o->": backwards,
        "o-o": False,
    }[edge.mark]


def against(graph: CausalGraph, known: Knowledge) -> Iterator[str]:
    """Where a graph goes against what is known, in words."""
    for edge in graph:
        ways = [(edge.source, edge.target)] + [(edge.target, edge.source)] * (edge.mark == "--")
        if edge.mark in ("->", "--") and not any(known.allows(*way) for way in ways):
            yield f"{edge} is ruled out"
    for cause, effect in sorted(known.required):
        found = graph.edge(cause, effect)
        if found is None or (found.source, found.mark, found.target) != (cause, "->", effect):
            yield f"{cause} -> {effect} is required, and it gave {found or 'no edge between the two'}"


def drawn_knowledge(names: tuple[str, ...], seed: int) -> Knowledge:
    """Tiers, required and forbidden edges that agree with each other and with nothing else."""
    rng = np.random.default_rng([seed, 77])
    order = [str(name) for name in rng.permutation(sorted(names))]
    later = [(order[a], order[b]) for a, b in combinations(range(len(order)), 2)]
    chosen = rng.permutation(len(later))
    required = frozenset(later[at] for at in chosen[:2])
    forbidden = frozenset(later[at] for at in chosen[2:5]) | {later[chosen[5]][::-1]}
    tiers = {name: at // 2 for at, name in enumerate(order)} if seed % 2 else {}
    known = Knowledge(tiers, required, forbidden, "drawn by the check")
    known.check(names)
    return known


def copied(variables: Variables) -> Variables:
    """The same with a table of its own: planted tables are kept, and a component may change what it is given."""
    return replace(variables, table=variables.table.copy(), units=variables.units.copy())


def permuted(variables: Variables, seed: int = 0, *, rows: bool) -> Variables:
    """The same table with its rows, or its columns, in another order."""
    rng = np.random.default_rng([seed, 5])
    if not rows:
        return variables.select([str(name) for name in rng.permutation(variables.names)])
    order = rng.permutation(len(variables.table))
    units = variables.units if variables.units.empty else variables.units.iloc[order].reset_index(drop=True)
    return replace(variables, table=variables.table.iloc[order].reset_index(drop=True), units=units)


def renamed(variables: Variables) -> tuple[Variables, dict[str, str]]:
    """The same table under names that sort otherwise and say nothing, and new name → old."""
    fresh = {name: f"v{len(variables.names) - at}" for at, name in enumerate(sorted(variables.names))}
    columns = tuple(replace(c, name=fresh[c.name], description="") for c in variables.columns)
    changed = replace(
        variables,
        table=variables.table.rename(columns=fresh),
        columns=columns,
        levels={fresh[name]: level for name, level in variables.levels.items()},
        treatment=fresh.get(variables.treatment, ""),
        outcome=fresh.get(variables.outcome, ""),
    )
    return changed, {new: old for old, new in fresh.items()}


def with_column(variables: Variables, name: str, values: object, kind: ColumnKind = "continuous") -> Variables:
    """The table with a column more."""
    table = pd.DataFrame(variables.table).assign(**{name: values})
    return replace(variables, table=table, columns=(*variables.columns, Column(name, "covariate", kind)))


def tables(subject: Subject, *names: str) -> list[Variables]:
    """The tables of those worlds that it can read: one for discrete columns alone may refuse others.

    One that reads the past alone is given a table of users by weeks.
    """
    found: list[Variables] = []
    refused: Exception | None = None
    for name in (*names, "over-time"):
        if found and name == "over-time":
            break
        variables = graph_world(name).variables
        try:
            subject.fresh().discover(copied(variables), variables.knowledge())
            found.append(variables)
        except Exception as error:  # whether it may raise that is another check's matter
            refused = error
    tried = ", ".join((*names, "over-time"))
    assert found, f"it reads none of the plain tables ({tried}): {type(refused).__name__}: {refused}"
    return found
