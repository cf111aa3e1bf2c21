"""`graph edit`: a graph goes out for review, and what was decided comes back as knowledge, with who and why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import causalkit as ck
from causalkit.config import read_knowledge
from causalkit.errors import ConfigError
from causalkit.graph_review import review_of
from causalkit.types import CausalGraph, Edge, Evidence, Separation
from tests.cli.small_runs import config, write_log
from tests.cli.test_graph_export import hostile
from tests.command import call


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("work")
    write_log(made)
    ck.run(config(made, discover="pc"), until="discover", runs_dir=made / "runs")
    return made


class Reviewed:
    """What `review_of` reads of a run."""

    id = "20260101-abc"

    def __init__(self, graph: CausalGraph) -> None:
        self.graph = graph


def reviewed(tmp_path: Path, graph: CausalGraph, *decisions: dict[str, str], by: str | None = "Ann") -> Path:
    document = yaml.safe_load(review_of(Reviewed(graph)))  # type: ignore[arg-type]
    document["reviewed_by"] = by
    for edge, decided in zip(document["edges"], decisions, strict=False):
        edge.update(decided)
    file = tmp_path / "review.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return file


GRAPH = CausalGraph(
    ("price", "mailer", "bought", "season"),
    (
        Edge("price", "mailer", "->", 0.2, (Evidence("data", "largest p-value", 0.8),), 0.05),
        Edge("mailer", "bought", "->", 0.5, (Evidence("llm", "3 of 3"),)),
        Edge("season", "bought", "--", 0.9, (Evidence("data"),)),
    ),
    (Separation("price", "season", ("mailer",), 0.4),),
)


def test_what_is_decided_comes_back_as_knowledge_with_who_and_why(tmp_path):
    file = reviewed(
        tmp_path,
        GRAPH,
        {"decide": "reverse", "why": "prices follow mailers"},
        {"decide": "remove", "why": "it was a holdout"},
        {"decide": "keep", "why": "seasons come first", "edge": "season -> bought"},
    )
    known = read_knowledge(file)
    assert known.required == {("mailer", "price"), ("season", "bought")}
    assert known.forbidden == {("mailer", "bought"), ("bought", "mailer")}
    assert known.because("mailer", "price") == "Ann: prices follow mailers (graph of run 20260101-abc)"


def test_an_open_edge_decides_nothing_and_needs_no_name(tmp_path):
    known = read_knowledge(reviewed(tmp_path, GRAPH, by=None))
    assert not known.required
    assert not known.forbidden


@pytest.mark.parametrize(
    ("decided", "by", "said"),
    [
        ({"decide": "remove", "why": "x"}, None, "no `reviewed_by` says who decided"),
        ({"decide": "remove"}, "Ann", "no `why` says why"),
        ({"decide": "drop", "why": "x"}, "Ann", "must be one of open, keep, reverse, remove"),
        ({"decide": "keep", "why": "x", "edge": "price -- mailer"}, "Ann", "write which way it points"),
        ({"decide": "keep", "why": "x", "edge": "price"}, "Ann", "must be `cause -> effect`"),
        ({"because": "x"}, "Ann", "no such key"),
    ],
)
def test_a_decision_that_cannot_be_used_is_refused(tmp_path, decided, by, said):
    with pytest.raises(ConfigError, match=said):
        read_knowledge(reviewed(tmp_path, GRAPH, decided, by=by))


def test_whatever_nodes_are_called_each_edge_comes_back(tmp_path):
    graph = hostile()
    names = [name for edge in graph.edges for name in (edge.source, edge.target)]
    told = Separation(names[0], "two\nlines\x00", ("carriage\r- edge: [",), 0.5)
    graph = CausalGraph((*graph.nodes, "two\nlines\x00", "carriage\r- edge: ["), graph.edges, (told,))
    decided = {"decide": "remove", "why": "x"}
    known = read_knowledge(reviewed(tmp_path, graph, *[decided] * len(graph.edges)))
    pairs = {frozenset((edge.source, edge.target)) for edge in graph.edges}
    assert {frozenset(edge) for edge in known.forbidden} == pairs


def test_the_least_sure_edge_comes_first_with_its_evidence():
    document = yaml.safe_load(review_of(Reviewed(GRAPH)))  # type: ignore[arg-type]
    assert [edge["edge"] for edge in document["edges"]] == ["price -> mailer", "mailer -> bought", "season -- bought"]
    assert document["edges"][0]["evidence"] == ["data: p = 0.8, largest p-value"]
    assert document["edges"][0]["strength"] == 0.05
    assert "# price, season: independent given mailer (p = 0.4)" in review_of(Reviewed(GRAPH))  # type: ignore[arg-type]


def test_an_edited_graph_goes_back_into_a_run(folder, capsys):
    file = folder / "review.yaml"
    command = ("graph", "edit", "latest", "--out", file, "--runs-dir", folder / "runs")
    assert call(capsys, *command)[0] == 0
    code, _, told = call(capsys, *command)
    assert code == 2
    assert "may hold decisions" in told
    document = yaml.safe_load(file.read_text())
    first = document["edges"][0]
    first |= {"decide": "remove", "why": "they have nothing to do with each other"}
    document["reviewed_by"] = "Ann"
    file.write_text(yaml.safe_dump(document))
    run = ck.run(config(folder, discover="pc", knowledge=str(file)), until="discover", runs_dir=folder / "runs")
    assert run.graph is not None
    a, b = re.split(r" (?:->|--) ", first["edge"])
    assert {a, b} <= set(run.graph.nodes)
    assert run.graph.edge(a, b) is None
