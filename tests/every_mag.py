"""Every maximal ancestral graph with given independences: an oracle that shares no code with what it judges."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, product

import networkx as nx
import numpy as np

from causalkit.types import CausalGraph, Edge

Mag = dict[frozenset, tuple[str, str, str]]
"""Pair → (a, mark, b), the mark `->` or `<->`."""


def canonical(nodes, mag: Mag, confounded=()) -> nx.DiGraph:
    dag = nx.DiGraph()
    dag.add_nodes_from(nodes)
    for a, mark, b in mag.values():
        if mark == "->":
            dag.add_edge(a, b)
        if mark == "<->" or (a, b) in confounded:
            dag.add_edges_from([(f"L{a}{b}", a), (f"L{a}{b}", b)])
    return dag


def triples(nodes) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What may be independent of what, given what."""
    for a, b in combinations(nodes, 2):
        rest = [n for n in nodes if n not in (a, b)]
        yield from ((a, b, z) for k in range(len(rest) + 1) for z in combinations(rest, k))


def model(dag: nx.DiGraph, nodes) -> frozenset:
    """Every independence among the nodes."""
    return frozenset((a, b, z) for a, b, z in triples(nodes) if nx.is_d_separator(dag, {a}, {b}, set(z)))


def has_model(dag: nx.DiGraph, nodes, independences: frozenset) -> bool:
    return all(nx.is_d_separator(dag, {a}, {b}, set(z)) == ((a, b, z) in independences) for a, b, z in triples(nodes))


def ancestral(dag: nx.DiGraph, mag: Mag) -> bool:
    if not nx.is_directed_acyclic_graph(dag):
        return False
    return not any(
        mark == "<->" and (b in nx.descendants(dag, a) or a in nx.descendants(dag, b)) for a, mark, b in mag.values()
    )


@lru_cache(maxsize=256)
def equivalents(nodes: tuple[str, ...], independences: frozenset) -> list[Mag]:
    """Every MAG with these independences."""
    apart = {frozenset((a, b)) for a, b, _ in independences}
    pairs = [p for p in combinations(nodes, 2) if frozenset(p) not in apart]
    found = []
    for marks in product(("->", "<-", "<->"), repeat=len(pairs)):
        mag = {
            frozenset((a, b)): (b, "->", a) if mark == "<-" else (a, mark, b)
            for (a, b), mark in zip(pairs, marks, strict=True)
        }
        dag = canonical(nodes, mag)
        if ancestral(dag, mag) and has_model(dag, nodes, independences):
            found.append(mag)
    return found


def summary(nodes, mags: list[Mag]) -> CausalGraph:
    """The PAG: a mark where all agree, a circle elsewhere."""

    def end(pair, at: str) -> str:
        ends = {"tail" if m[pair][1] == "->" and m[pair][0] == at else "arrow" for m in mags}
        return ends.pop() if len(ends) == 1 else "circle"

    edges = []
    for pair in mags[0]:
        a, b = sorted(pair)
        ends = end(pair, a), end(pair, b)
        if ends[0] == "arrow" and ends[1] != "arrow":
            (a, b), ends = (b, a), ends[::-1]
        written = {"tail arrow": "->", "arrow arrow": "<->", "circle arrow": "o->", "circle circle": "o-o"}
        edges.append(Edge(a, b, written[" ".join(ends)]))
    return CausalGraph(tuple(nodes), tuple(edges), latent=True)


def adjusts(dag: nx.DiGraph, x: str, y: str, z: set) -> bool:
    """The adjustment criterion of one DAG (Shpitser, VanderWeele & Robins 2010)."""
    between = {v for v in nx.descendants(dag, x) if v == y or y in nx.descendants(dag, v)}
    if z & {d for v in between for d in ({v} | nx.descendants(dag, v))}:
        return False
    doors = dag.copy()
    doors.remove_edges_from([(x, v) for v in between if dag.has_edge(x, v)])
    return nx.is_d_separator(doors, {x}, {y}, z)


def dags_of(nodes, mag: Mag, independences: frozenset):
    """Its canonical DAG, and those in which one edge also has a hidden common cause and no independence changes."""
    yield canonical(nodes, mag)
    for a, mark, b in mag.values():
        dag = canonical(nodes, mag, {(a, b)})
        if mark == "->" and has_model(dag, nodes, independences) and _same_mag(nodes, mag, dag):
            yield dag


def _same_mag(nodes, mag: Mag, dag: nx.DiGraph) -> bool:
    """Adding a hidden cause changes no ancestor, so the MAG is the same where the independences are."""
    return all((m == "->") == (b in nx.descendants(dag, a)) for a, m, b in mag.values())


def drawn(seed: int, seen: int) -> tuple[tuple[str, ...], frozenset]:
    rng = np.random.default_rng([seed, seen])
    names = (*(f"v{i}" for i in range(seen)), "h0", "h1")
    order = [str(n) for n in rng.permutation(names)]
    dag = nx.DiGraph()
    dag.add_nodes_from(names)
    dag.add_edges_from(p for p in combinations(order, 2) if rng.random() < 0.45)
    return names[:seen], model(dag, names[:seen])
