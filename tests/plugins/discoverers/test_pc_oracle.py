"""PC with a d-separation oracle returns exactly what the DAG's equivalence class shares."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from causalkit_plugins.discoverers import _skeleton
from causalkit_plugins.discoverers._search import Search, search

from causalkit.types import Knowledge


def random_dag(rng: np.random.Generator, size: int, density: float) -> nx.DiGraph:
    names = [f"v{i}" for i in range(size)]
    order = list(rng.permutation(names))
    dag = nx.DiGraph()
    dag.add_nodes_from(names)
    dag.add_edges_from((a, b) for a, b in itertools.combinations(order, 2) if rng.random() < density)
    return dag


def oracle(dag: nx.DiGraph, names: list[str], asked: set[frozenset[str]] | None = None):
    def test(i, sets, targets):
        p = np.full((len(sets), len(targets)), np.nan)
        for row, given in enumerate(sets):
            for at, j in enumerate(targets):
                if j in given:
                    continue
                if asked is not None:
                    asked.add(frozenset((names[i], names[j])))
                apart = nx.is_d_separator(dag, {names[i]}, {names[j]}, {names[k] for k in given})
                p[row, at] = float(apart)
        return p

    return test


def colliders(dag: nx.DiGraph) -> set[tuple[str, str, str]]:
    return {
        (a, k, b)
        for k in dag
        for a, b in itertools.combinations(sorted(dag.predecessors(k)), 2)
        if not dag.has_edge(a, b) and not dag.has_edge(b, a)
    }


def equivalence_class(dag: nx.DiGraph, knowledge: Knowledge) -> set[tuple[str, str, str]]:
    """Brute force over every orientation of the skeleton: the marks that all members agree on."""
    edges = [tuple(sorted(e)) for e in dag.edges]
    members = []
    for flips in itertools.product([False, True], repeat=len(edges)):
        arrows = [(b, a) if flip else (a, b) for (a, b), flip in zip(edges, flips)]
        if not all(knowledge.allows(*arrow) for arrow in arrows):
            continue
        other = nx.DiGraph(arrows)
        other.add_nodes_from(dag)
        if nx.is_directed_acyclic_graph(other) and colliders(other) == colliders(dag):
            members.append(set(arrows))
    assert members
    shared = set.intersection(*members)
    return {(a, "->", b) for a, b in shared} | {
        (a, "--", b) for a, b in edges if (a, b) not in shared and (b, a) not in shared
    }


def marks(graph) -> set[tuple[str, str, str]]:
    return {
        (e.source, "->", e.target) if e.mark == "->" else (min(e.source, e.target), "--", max(e.source, e.target))
        for e in graph
    }


def find(dag: nx.DiGraph, knowledge: Knowledge, rule: str, asked=None):
    names = sorted(dag)
    return search(oracle(dag, names, asked), names, names, knowledge, Search(0.5, None, rule))


@pytest.mark.parametrize("rule", ["majority", "conservative", "max-p"])
def test_the_equivalence_class_is_found(rule):
    rng = np.random.default_rng(11)
    undirected = 0
    for _ in range(25):
        dag = random_dag(rng, 6, rng.choice([0.3, 0.5]))
        expected = equivalence_class(dag, Knowledge())
        assert marks(find(dag, Knowledge(), rule)) == expected
        undirected += any(mark == "--" for _, mark, _ in expected)
    assert undirected > 10


def test_known_tiers_and_edges_orient_as_far_as_they_imply():
    rng = np.random.default_rng(12)
    more = 0
    for _ in range(35):
        dag = random_dag(rng, 6, 0.5)
        order = list(nx.topological_sort(dag))
        tiers = {name: order.index(name) // 3 for name in dag if rng.random() < 0.7}
        required = frozenset(e for e in dag.edges if rng.random() < 0.1)
        known = Knowledge(tiers, required)
        expected = equivalence_class(dag, known)
        assert marks(find(dag, known, "majority")) == expected
        more += expected != equivalence_class(dag, Knowledge())
    assert more > 10


def test_meeks_fourth_rule():
    """`i -- k -> l -> j` with k and j apart: only knowledge makes this happen, and i must cause j."""
    dag = nx.DiGraph([("i", "k"), ("i", "l"), ("i", "j"), ("k", "l"), ("l", "j")])
    known = Knowledge(required=frozenset({("k", "l"), ("l", "j")}))
    expected = equivalence_class(dag, known)
    assert ("i", "->", "j") in expected
    assert ("i", "--", "k") in expected
    assert marks(find(dag, known, "majority")) == expected


def test_larger_graphs_keep_their_skeleton():
    rng = np.random.default_rng(13)
    for _ in range(3):
        dag = random_dag(rng, 14, 0.2)
        graph = find(dag, Knowledge(), "majority")
        assert {frozenset((e.source, e.target)) for e in graph} == {frozenset(e) for e in dag.edges}
        for separation in graph.separations:
            assert nx.is_d_separator(dag, {separation.a}, {separation.b}, set(separation.given))


def test_a_pair_ruled_out_both_ways_is_never_tested():
    dag = nx.DiGraph([("v0", "v1"), ("v2", "v1"), ("v1", "v3")])
    asked: set[frozenset[str]] = set()
    forbidden = frozenset({("v0", "v2"), ("v2", "v0")})
    graph = find(dag, Knowledge(forbidden=forbidden), "majority", asked)
    assert frozenset(("v0", "v2")) not in asked
    assert graph.edge("v0", "v2") is None
    assert any("neither collider nor not" in note for note in graph.notes)


def test_a_hub_is_bounded_and_named(monkeypatch):
    monkeypatch.setattr(_skeleton, "MOST_SETS", 6)
    dag = nx.DiGraph([(f"v{i}", "hub") for i in range(6)])
    graph = find(dag, Knowledge(), "majority")
    assert any("hub (at 1)" in note for note in graph.notes)
    assert {str(e) for e in graph} == {f"v{i} -> hub" for i in range(6)}


def test_a_bounded_search_says_so():
    dag = nx.DiGraph(itertools.combinations([f"v{i}" for i in range(6)], 2))
    names = sorted(dag)
    graph = search(oracle(dag, names), names, names, Knowledge(), Search(0.5, 1, "majority"))
    assert any("bounded at 1" in note for note in graph.notes)
