"""PC with a d-separation oracle returns exactly what the DAG's equivalence class shares."""

from __future__ import annotations

import itertools
import time

import networkx as nx
import numpy as np
import pytest
from causalkit_plugins.discoverers import _skeleton
from causalkit_plugins.discoverers._orientation import Marks, orient
from causalkit_plugins.discoverers._search import Search, search
from causalkit_plugins.discoverers._ties import break_ties

from causalkit.types import Knowledge, StructurePrior


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


def test_a_prior_directs_what_is_open_and_what_follows():
    """A chain has one class: with one belief on its first edge, all of it is directed, and says so."""
    dag = nx.DiGraph([("a", "b"), ("b", "c"), ("c", "d")])
    names = sorted(dag)
    prior = StructurePrior({("b", "a"): -1.0, ("a", "b"): 0.5, ("d", "a"): 9.0}, {("d", "c"): 0.7}, "gpt")
    graph = search(oracle(dag, names), names, names, Knowledge(), Search(0.5, None, "majority", prior=prior))
    assert {str(e) for e in graph} == {"a -> b", "b -> c", "c -> d"}  # 1.5 for a -> b goes before .7 for d -> c
    assert {one.source for e in graph for one in e.evidence} == {"data", "llm"}
    assert graph.edge("a", "b").evidence[1].detail == "direction: log odds 1.50 of gpt; the data leave it open"
    assert "follows of a -> b" in graph.edge("c", "d").evidence[1].detail
    assert any("3 edges that the data leave open" in note for note in graph.notes)


def test_a_prior_never_goes_against_data_or_knowledge():
    """Whatever is believed: what had a direction keeps it, and the result is a member of the class."""
    rng = np.random.default_rng(14)
    used = 0
    for _ in range(40):
        dag = random_dag(rng, 7, 0.4)
        names = sorted(dag)
        order = list(nx.topological_sort(dag))
        known = Knowledge({name: order.index(name) // 4 for name in dag if rng.random() < 0.3})
        beliefs = {pair: float(rng.normal()) for pair in itertools.permutations(names, 2) if rng.random() < 0.7}
        found = find(dag, known, "majority")
        settings = Search(0.5, None, "majority", prior=StructurePrior(beliefs))
        turned = search(oracle(dag, names), names, names, known, settings)
        before, after = ({(e.source, e.target) for e in g if e.mark == "->"} for g in (found, turned))
        assert before <= after
        whole = nx.DiGraph(sorted(after))
        whole.add_nodes_from(dag)
        assert nx.is_directed_acyclic_graph(whole)
        assert all(known.allows(*arrow) for arrow in after)
        if all(e.mark == "->" for e in turned):
            assert colliders(whole) == colliders(dag)
            used += before != after
    assert used > 12


def test_a_prior_settles_evidence_that_points_both_ways():
    """`a -> b <- c` and `b -> c <- d` at once leave b -- c open; a belief turns it, unless it makes a cycle."""
    near = np.zeros((4, 4), bool)
    for i, j in ((0, 1), (1, 2), (2, 3)):
        near[i, j] = near[j, i] = True
    for odds, arrow in (({(1, 2): 1.0}, (1, 2)), ({(2, 1): 1.0}, (2, 1))):
        marks = orient(near, ~np.eye(4, dtype=bool), [(0, 1, 2), (1, 2, 3)], [])
        assert marks.undecided == {(1, 2)}
        assert break_ties(marks, odds) == {arrow: arrow}
        assert set(marks.arrows()) == {(0, 1), (3, 2), arrow}
    marks = orient(near, ~np.eye(4, dtype=bool), [], [])
    break_ties(marks, {(0, 1): 2.0, (3, 2): 1.0})  # 3 -> 2 would make a collider once 0 -> 1 -> 2 -> 3 follows
    assert set(marks.arrows()) == {(0, 1), (1, 2), (2, 3)}


def test_fault_38_directions_that_close_a_cycle_are_taken_back():
    """Colliders that no DAG has: 0 -> 1 -> 2 -> 0, each arrow from a collider with a leaf."""
    near = np.zeros((6, 6), bool)
    for i, j in ((0, 1), (1, 2), (2, 0), (3, 1), (4, 2), (5, 0)):
        near[i, j] = near[j, i] = True
    free = ~np.eye(6, dtype=bool)
    marks = orient(near, free, [(0, 1, 3), (1, 2, 4), (2, 0, 5)], [])
    assert marks.cycles == 1
    assert set(marks.arrows()) == {(3, 1), (4, 2), (5, 0)}
    held = free.copy()
    held[1, 0] = False  # known: 0 -> 1 stays
    assert (0, 1) in orient(near, held, [(0, 1, 3), (1, 2, 4), (2, 0, 5)], []).arrows()


def test_fault_38_what_is_known_may_close_a_cycle_and_the_weakest_edge_goes():
    """Three pairs, each ruled out one way: together a circle that the knowledge itself does not show."""
    dag = nx.DiGraph([("a", "b"), ("b", "c"), ("a", "c")])
    known = Knowledge(forbidden=frozenset({("b", "a"), ("c", "b"), ("a", "c")}))
    graph = find(dag, known, "majority")
    assert len(graph.edges) == 2
    assert nx.is_directed_acyclic_graph(graph.directed())
    assert all(known.allows(e.source, e.target) for e in graph)
    assert any("left out, since what is known would make them part of a cycle" in note for note in graph.notes)


def test_fault_38_a_disconnected_graph_is_found_part_by_part():
    dag = nx.DiGraph([("a", "b"), ("c", "b"), ("d", "e")])
    dag.add_node("f")
    graph = find(dag, Knowledge(), "majority")
    assert {str(e) for e in graph} == {"a -> b", "c -> b", "d -- e"}
    assert graph.nodes == ("a", "b", "c", "d", "e", "f")


def test_knowledge_of_a_path_directs_the_edge_that_would_close_it():
    """Known: a -> b -> c -> d. The edge a -- d can then only go one way, though no rule of three or four sees it."""
    near = np.zeros((4, 4), bool)
    for i, j in ((0, 1), (1, 2), (2, 3), (0, 3)):
        near[i, j] = near[j, i] = True
    allowed = ~np.eye(4, dtype=bool)
    for i, j in ((1, 0), (2, 1), (3, 2)):
        allowed[i, j] = False
    assert (0, 3) in orient(near, allowed, [], []).arrows()


def test_tests_that_contradict_each_other_are_told():
    """A square without its diagonals and without colliders: no DAG has it."""

    def test(i, sets, targets):
        pairs = {frozenset((0, 2)): {1, 3}, frozenset((1, 3)): {0, 2}}
        p = np.full((len(sets), len(targets)), np.nan)
        for row, given in enumerate(np.asarray(sets)):
            for at, j in enumerate(np.asarray(targets)):
                if j not in given:
                    p[row, at] = float(set(given.tolist()) == pairs.get(frozenset((i, int(j)))))
        return p

    names = list("abcd")
    graph = search(test, names, names, Knowledge(), Search(0.5, None, "majority"))
    assert {e.mark for e in graph} == {"--"}
    assert any("no acyclic graph agrees with all that was found" in note for note in graph.notes)
    assert not any("no acyclic" in note for note in find(nx.DiGraph([("a", "b")]), Knowledge(), "majority").notes)


def test_thousands_of_variables_are_directed_in_no_time():
    """Neighbours, not matrices: 3,000 variables of degree 3 take a fraction of a second."""
    rng = np.random.default_rng(15)
    near = np.zeros((3000, 3000), bool)
    i, j = rng.integers(0, 3000, (2, 4500))
    low, high = np.minimum(i, j)[i != j], np.maximum(i, j)[i != j]
    near[low, high] = near[high, low] = True
    found = [
        (int(a), k, int(b))
        for k in range(3000)
        for a, b in itertools.combinations(np.flatnonzero(near[:k, k]), 2)
        if not near[a, b]
    ]
    began = time.perf_counter()
    marks = orient(near, ~np.eye(3000, dtype=bool), found, [])
    assert time.perf_counter() - began < 5
    assert len(marks.arrows()) > 2000
    assert all(a < b for a, b in marks.arrows())


def test_arrows_told_one_by_one_give_what_they_give_together():
    """Meek's rules look only near a fresh arrow: in whatever order arrows come, the end is the same."""
    rng = np.random.default_rng(16)
    for _ in range(150):
        dag = random_dag(rng, 7, 0.6)
        names = sorted(dag)
        near = nx.to_numpy_array(dag, nodelist=names, dtype=bool)
        found = [tuple(names.index(name) for name in triple) for triple in colliders(dag)]
        free = ~np.eye(len(names), dtype=bool)
        marks = orient(near | near.T, free, found, [])
        told = [(names.index(a), names.index(b)) for a, b in rng.permutation(sorted(dag.edges)) if rng.random() < 0.4]
        break_ties(marks, {arrow: float(len(told) - at) for at, arrow in enumerate(told)})
        known = free.copy()
        for a, b in told:
            known[b, a] = False
        assert set(marks.arrows()) == set(orient(near | near.T, known, found, []).arrows())


@pytest.mark.parametrize(
    ("arrows", "doubted", "belief"),
    [([(0, 1)], (1, 2), (2, 1)), ([(0, 1), (1, 2)], (0, 2), (2, 0))],
    ids=["collider", "cycle"],
)
def test_a_belief_that_would_make_a_collider_or_a_cycle_is_not_taken(arrows, doubted, belief):
    near = np.zeros((3, 3), bool)
    for i, j in (*arrows, doubted):
        near[i, j] = near[j, i] = True
    marks = Marks.none(near)
    for arrow in arrows:
        marks.point(*arrow)
    marks.doubt(*doubted)
    assert break_ties(marks, {belief: 3.0}) == {}
    assert set(marks.arrows()) == set(arrows)
    assert marks.undecided == {doubted}
    assert break_ties(marks, {belief[::-1]: 1.0}) == {belief[::-1]: belief[::-1]}


@pytest.mark.parametrize("odds", [(2.0, 1.0), (1.0, 2.0)])
def test_meeks_fourth_rule_whichever_arrow_comes_last(odds):
    i, j, k, middle = range(4)
    near = np.ones((4, 4), bool) & ~np.eye(4, dtype=bool)
    near[k, j] = near[j, k] = False
    marks = orient(near, ~np.eye(4, dtype=bool), [], [])
    break_ties(marks, {(k, middle): odds[0], (middle, j): odds[1]})
    assert (i, j) in marks.arrows()
    assert k in marks.loose[i]
