import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from causalkit.reporting.graph_svg import MOST_NODES, draw
from causalkit.types import CausalGraph, Edge, Evidence
from tests.reporting import sample


def drawn(*edges, nodes=("a", "b"), **changes):
    view = replace(sample.view(60), labels={}, tiers={}, estimand=None, **changes)
    return draw(CausalGraph(nodes, edges), view)


def edges_of(svg):
    return [g for g in ElementTree.fromstring(svg).iter("g") if g.get("class", "").startswith("edge")]


@pytest.mark.parametrize("side", ["wide", "narrow"])
def test_both_drawings_are_well_formed_and_hold_every_node_and_edge(side):
    view = sample.view(60)
    svg = ElementTree.fromstring(getattr(draw(view.graph, view), side))
    groups = [g.get("class") for g in svg.iter("g")]
    assert sum(c.startswith("node") for c in groups) == len(view.graph.nodes)
    assert sum(c.startswith("edge") for c in groups) == len(view.graph.edges)
    assert svg.get("role") == "img"
    assert "in the mailer -> bought that week" in svg.get("aria-label")


@pytest.mark.parametrize(
    ("mark", "arrows", "rings"), [("->", 1, 0), ("--", 0, 0), ("<->", 2, 0), ("o->", 1, 1), ("o-o", 0, 2)]
)
def test_each_mark_ends_as_it_should(mark, arrows, rings):
    for svg in (drawn(Edge("a", "b", mark)).wide, drawn(Edge("a", "b", mark)).narrow):
        (edge,) = edges_of(svg)
        assert len([p for p in edge.iter("path") if p.get("class") == "tip"]) == arrows
        assert len([c for c in edge.iter("circle") if c.get("class") == "tip open"]) == rings


def test_a_surer_edge_is_darker_and_wider():
    weak, strong = edges_of(drawn(Edge("a", "b", "->", 0.2), Edge("b", "c", "->", 0.9), nodes=("a", "b", "c")).wide)
    assert float(weak.get("opacity")) < float(strong.get("opacity"))
    widths = [float(next(edge.iter("path")).get("stroke-width")) for edge in (weak, strong)]
    assert widths[0] < widths[1]


@pytest.mark.parametrize(
    ("evidence", "line"),
    [
        ((), "unsaid"),
        (("data",), "data"),
        (("llm",), "llm"),
        (("knowledge",), "knowledge"),
        (("data", "llm"), "several"),
    ],
)
def test_the_line_shows_the_evidence_and_the_legend_explains_it(evidence, line):
    made = drawn(Edge("a", "b", "->", 0.5, tuple(Evidence(e) for e in evidence)))
    assert f'class="line {line}"' in made.wide
    assert [name for name, _ in made.evidence] == [line]


def test_only_edges_on_a_directed_path_from_treatment_to_outcome_are_marked():
    view = sample.view(60)
    causal = [g.find("title").text for g in edges_of(draw(view.graph, view).wide) if g.get("class") == "edge causal"]
    assert len(causal) == 5
    assert any(t.startswith("price cut -> bought") for t in causal)
    assert not any(t.startswith("season") for t in causal)


def test_an_arrow_points_at_its_target_even_from_below():
    view = replace(sample.view(60), labels={}, tiers={"a": 1, "b": 0}, estimand=None)
    (edge,) = edges_of(draw(CausalGraph(("a", "b"), (Edge("a", "b"),)), view).wide)
    tip = next(p for p in edge.iter("path") if p.get("class") == "tip")
    top = min(float(y) for y in re.findall(r"[MC ](?:-?[\d.]+) (-?[\d.]+)", next(edge.iter("path")).get("d")))
    assert float(tip.get("d").split("l")[0].split(" ")[1]) <= top


def test_a_very_large_graph_shows_what_matters_and_counts_the_rest():
    names = (*(f"v{i}" for i in range(200)), "mailed", "bought")
    edges = [Edge(f"v{i}", f"v{i + 1}", "->", 0.5) for i in range(199)] + [
        Edge("v150", "bought"),
        Edge("mailed", "bought"),
    ]
    view = sample.view(60)
    made = draw(CausalGraph(names, tuple(edges)), view)
    assert made.left_out == len(names) - MOST_NODES
    assert ">v150<" in made.wide
    assert 'class="node treatment"' in made.wide


def test_treatment_and_outcome_are_drawn_however_much_is_adjusted_for():
    shown = sample.view(60)
    many = tuple(f"v{i}" for i in range(60))
    estimand = replace(shown.estimand, adjustment=many)
    graph = CausalGraph((*many, estimand.treatment, estimand.outcome), (Edge("v0", "v1"),))
    made = draw(graph, replace(shown, estimand=estimand))
    assert made.left_out == len(graph.nodes) - MOST_NODES
    assert 'class="node treatment"' in made.wide
    assert 'class="node outcome"' in made.narrow
