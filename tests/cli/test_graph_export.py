"""`graph export`: GML, DOT and JSON that other tools read back, whatever nodes are called."""

from __future__ import annotations

import json
import re
from pathlib import Path

import networkx as nx
import pytest

import causalkit as ck
from causalkit.types import CausalGraph, Edge, Evidence
from tests.cli.small_runs import config, write_log
from tests.command import call

NAMES = (
    'say "no"',
    "back\\",
    "\\n",
    "two\nlines",
    "<script>alert(1)</script>",
    "&#34; &amp;",
    "Ünïcødé 🍓",
    "nul\x00",
    "7",
    " ",
    "",
    "] edge [ source 0",
    "; }",
    "carriage\rreturn",
)
MARKS = ("->", "--", "<->", "o->", "o-o")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("work")
    write_log(made)
    ck.run(config(made, discover="pc"), until="discover", runs_dir=made / "runs")
    return made


def hostile() -> CausalGraph:
    edges = [Edge(NAMES[i], NAMES[i + 1], mark, 1 / (i + 1)) for i, mark in enumerate(MARKS)]  # type: ignore[arg-type]
    return CausalGraph(NAMES, tuple(edges))


def test_gml_comes_back_whatever_nodes_are_called(tmp_path: Path) -> None:
    graph = hostile()
    assert graph.to_gml().isascii()
    again = CausalGraph.from_gml(graph.to_gml())
    assert (again.nodes, again.edges) == (graph.nodes, graph.edges)
    (tmp_path / "g.gml").write_text(graph.to_gml())
    read = nx.read_gml(tmp_path / "g.gml")
    assert list(read.nodes) == list(NAMES)
    assert [(a, b, d["mark"]) for a, b, d in read.edges(data=True)] == [(e.source, e.target, e.mark) for e in graph]


STRING = r'"((?:[^"\\]|\\.)*)"'


def shown(text: str) -> str:
    """What Graphviz shows for an escaped string."""
    return re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), text)


def test_dot_quotes_whatever_nodes_are_called() -> None:
    head, *lines, tail = hostile().to_dot().splitlines()
    assert (head, tail) == ("digraph {", "}")
    labels = [re.fullmatch(rf"  n(\d+) \[label={STRING}\];", line) for line in lines[: len(NAMES)]]
    assert all(labels), lines
    found = [shown(m[2]) for m in labels if m]
    assert found == [name.replace("\x00", "\ufffd").replace("\r", "\n") for name in NAMES]
    drawn = [
        re.fullmatch(rf"  n(\d+) -> n(\d+) \[dir=\w+[^\]]*, mark={STRING}, confidence=[\d.e-]+\];", line)
        for line in lines[len(NAMES) :]
    ]
    assert [(int(m[1]), int(m[2]), m[3]) for m in drawn if m] == [(i, i + 1, mark) for i, mark in enumerate(MARKS)]


def test_a_graph_as_json_keeps_evidence_and_separations() -> None:
    evidence = (Evidence("data", "tested", 0.01), Evidence("knowledge", 'say "no"'))
    told = CausalGraph(("a", "b"), (Edge("a", "b", "--", 0.5, evidence),), notes=("few rows",)).to_dict()
    again = json.loads(json.dumps(told))
    assert again["edges"][0]["evidence"][1] == {"source": "knowledge", "detail": 'say "no"', "p_value": None}
    assert again["notes"] == ["few rows"]


@pytest.mark.parametrize("sort", ["gml", "dot", "json"])
def test_the_graph_goes_to_stdout_or_to_a_file(folder: Path, tmp_path: Path, capsys, sort: str) -> None:
    run = ck.open_run(runs_dir=folder / "runs")
    assert run.graph is not None
    runs = ("--runs-dir", folder / "runs")
    code, out, _ = call(capsys, "graph", "export", "--format", sort, *runs)
    assert code == 0
    file = tmp_path / f"g.{sort}"
    code, nothing, err = call(capsys, "graph", "export", "--out", file, *runs)  # the ending says which
    assert (code, nothing) == (0, "")
    assert str(file) in err
    assert file.read_text(encoding="utf-8") == out
    if sort == "gml":
        assert {str(e) for e in CausalGraph.from_gml(out)} == {str(e) for e in run.graph}
    elif sort == "dot":
        assert out == run.graph.to_dot()
    else:
        document = json.loads(out)
        tiers = {node["name"]: node["tier"] for node in document["nodes"]}
        assert set(tiers) == set(run.graph.nodes)
        assert [(e["source"], e["target"], e["mark"], e["confidence"]) for e in document["edges"]] == [
            (e.source, e.target, e.mark, e.confidence) for e in run.graph
        ]
        assert all(edge["evidence"] for edge in document["edges"])


def test_an_ending_that_is_no_format_is_refused(folder: Path, tmp_path: Path, capsys) -> None:
    runs = ("--runs-dir", folder / "runs")
    code, _, err = call(capsys, "graph", "export", "--out", tmp_path / "g.png", *runs)
    assert code == 2
    assert ".gml, .dot, .json" in err
    assert call(capsys, "graph", "export", "--format", "gml", "--out", tmp_path / "g.txt", *runs)[0] == 0
    assert [p.name for p in tmp_path.iterdir()] == ["g.txt"]


def test_the_edges_are_shown(folder: Path, capsys) -> None:
    run = ck.open_run(runs_dir=folder / "runs")
    assert run.graph is not None
    code, out, _ = call(capsys, "graph", "show", "--runs-dir", folder / "runs")
    assert code == 0
    for edge in run.graph:
        assert f"{edge.source} {edge.mark} {edge.target}" in out
    document = json.loads(call(capsys, "graph", "show", "--runs-dir", folder / "runs", "--json")[1])
    assert len(document["graph"]["edges"]) == len(run.graph.edges)


def test_under_json_the_text_is_in_the_document(folder: Path, capsys) -> None:
    out = call(capsys, "graph", "export", "--format", "dot", "--runs-dir", folder / "runs", "--json")[1]
    document = json.loads(out)
    assert document["schema_version"] == 1
    assert document["text"].startswith("digraph {")


@pytest.mark.parametrize("command", ["export", "show"])
def test_a_run_without_a_graph_says_so(folder: Path, tmp_path: Path, capsys, command: str) -> None:
    ck.run(config(folder), until="identify", runs_dir=tmp_path)
    code, out, err = call(capsys, "graph", command, "--runs-dir", tmp_path)
    assert (code, out) == (2, "")
    assert "has no causal graph: its config leaves `discover` out" in err


def test_a_file_that_cannot_be_written_is_told(folder: Path, tmp_path: Path, capsys) -> None:
    code, _, err = call(capsys, "graph", "export", "--out", tmp_path / "no" / "g.dot", "--runs-dir", folder / "runs")
    assert code == 1
    assert "there is no folder" in err


def test_strength_comes_back_where_an_edge_has_one() -> None:
    graph = CausalGraph(("a", "b", "c"), (Edge("a", "b", "->", 0.9, (), 0.25), Edge("b", "c")))
    back = CausalGraph.from_gml(graph.to_gml())
    assert [edge.strength for edge in back.edges] == [0.25, None]
    assert "strength=0.25" in graph.to_dot()


def test_a_graph_that_allows_for_hidden_causes_still_does_so() -> None:
    graph = CausalGraph(("a", "b"), (Edge("a", "b", "o->"),), latent=True)
    assert CausalGraph.from_gml(graph.to_gml()).latent
    assert not CausalGraph.from_gml(CausalGraph(("a", "b"), graph.edges).to_gml()).latent
