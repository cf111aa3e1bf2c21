"""Adjustment where causes may hide, against brute force over every graph that a PAG stands for."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import pytest
from every_mag import adjusts, canonical, dags_of, drawn, equivalents, has_model, summary

from causalkit.identification.hidden_causes import Marks, identify_with_hidden_causes
from causalkit.types import CausalGraph, Edge


def pag(*edges: str, nodes: str = "") -> CausalGraph:
    parsed = [Edge(a, b, mark) for a, mark, b in (text.split() for text in edges)]
    names = dict.fromkeys([*nodes.split(), *(n for e in parsed for n in (e.source, e.target))])
    return CausalGraph(tuple(names), tuple(parsed), latent=True)


@pytest.mark.parametrize(("seed", "seen"), [*((s, 4) for s in range(30)), (1, 5)])
def test_sets_are_right_in_every_graph_of_the_class_and_none_is_missed(seed, seen):
    nodes, independences = drawn(seed, seen)
    mags = equivalents(nodes, independences)
    graph = summary(nodes, mags)
    dags = [dag for mag in mags for dag in dags_of(nodes, mag, independences)]
    for x, y in ((a, b) for a in nodes for b in nodes if a != b):
        found = identify_with_hidden_causes(graph, x, y, nodes)
        assert not found.fault
        rest = [n for n in nodes if n not in (x, y)]
        subsets = [set(z) for k in range(len(rest) + 1) for z in combinations(rest, k)]
        right = [z for z in subsets if all(adjusts(dag, x, y, z) for dag in dags)]
        assert found.sets.identifiable == bool(right), (str(graph.edges), x, y, found.reason)
        assert bool(found.reason) is not found.sets.identifiable
        assert found.sets.causes == any(y in nx.descendants(dag, x) for dag in dags)
        assert found.sure <= all(y in nx.descendants(dag, x) for dag in dags)
        if right:
            assert {*found.sets.minimal} in right
            assert {*found.sets.maximal} in right
            assert {*found.sets.preferred} in right
            assert not any(z < {*found.sets.minimal} for z in right)
            hidden = {rest[0]} if rest else set()  # one that may not be adjusted for
            left = identify_with_hidden_causes(graph, x, y, set(nodes) - hidden)
            assert left.sets.identifiable == any(not z & hidden for z in right)


def test_visible_edges_are_those_that_no_hidden_cause_can_share():
    for seed in range(25):
        nodes, independences = drawn(seed, 4)
        mags = equivalents(nodes, independences)
        graph = summary(nodes, mags)
        marks = Marks(graph)
        for edge in (e for e in graph if e.mark == "->"):
            a, b = edge.source, edge.target
            shared = any(has_model(canonical(nodes, mag, {(a, b)}), nodes, independences) for mag in mags)
            assert marks.visible(a, b) is not shared, (str(graph.edges), str(edge))


# --- in words


def test_an_invisible_edge_is_said_to_hide_a_common_cause():
    found = identify_with_hidden_causes(pag("t -> y"), "t", "y", ["t", "y"])
    assert found.reason == "t -> y may hide a common cause of the two, which nothing in the graph rules out"
    assert not found.sets.identifiable
    assert found.sure


def test_a_cause_of_the_treatment_alone_makes_its_edge_visible():
    found = identify_with_hidden_causes(pag("z o-> t", "t -> y"), "t", "y", ["z"])
    assert found.sets.identifiable
    assert found.sets.minimal == ()


def test_a_circle_at_the_treatment_leaves_open_whether_it_causes():
    found = identify_with_hidden_causes(pag("t o-> m", "z o-> m", "m -> y"), "t", "y", ["m", "z"])
    assert found.reason == "t o-> m leaves open whether t is a cause of m, from which a path may lead to y"
    assert found.between == {"m"}


def test_without_a_possible_path_there_is_no_effect():
    found = identify_with_hidden_causes(pag("c o-> t", "t <-> y", "i o-> y"), "t", "y", ["c", "i"])
    assert not found.sets.causes
    assert not found.sure


def test_what_is_always_given_is_counted():
    graph = pag("w o-> t", "c -> t", "c -> y", "t -> y", "w o-> c")
    assert identify_with_hidden_causes(graph, "t", "y", [], given=["c"]).sets.minimal == ()
    open_door = identify_with_hidden_causes(graph, "t", "y", [])
    assert open_door.sets.open_path == "t <- c -> y"
    assert "close the back door" in open_door.reason


@pytest.mark.parametrize(
    ("edges", "said"),
    [
        (("a -> b", "b -> c", "c -> a"), "form a cycle"),
        (("a <-> c", "a -> b", "b -> c"), "neither causes the other"),
        (("a o-o b", "b o-o c", "c o-o d", "d o-o a"), "without a new collider"),
    ],
)
def test_marks_that_cannot_be_right_together_are_said(edges, said):
    found = identify_with_hidden_causes(pag(*edges), "a", "c", ["b"])
    assert said in found.fault
    assert not found.sets.identifiable
