"""What a discoverer must do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from causalkit.assumptions import ASSUMPTIONS, assumed_by
from causalkit.components import Context
from causalkit.testing.checks import _graphs as graphs
from causalkit.testing.checks._calls import answer_or_refusal, left_alone, told_to_stop
from causalkit.testing.checks._contexts import shaken
from causalkit.testing.kit import NotApplicable, Subject, Unverified, check
from causalkit.testing.worlds.graph import GRAPH_WORLDS, GraphWorld, graph_world
from causalkit.types import CausalGraph, Knowledge, Mark, Variables

SEEDS = (0, 1, 2)
RIGHT, MISDIRECTED, FALSE = 0.85, 0.15, 0.1
"""Least F1 of the pairs joined, most of the right edges that point wrongly, most pairs joined where none is."""
_TIES = "where steps are equally good, let the data decide and not order or names: round scores before comparing them"


def _discover(
    subject: Subject, variables: Variables, known: Knowledge | None = None, context: Context = Context()
) -> CausalGraph:
    known = known or variables.knowledge()
    return _graph(subject.fresh().discover(graphs.copied(variables), known, context=context))


def _graph(answer: Any) -> CausalGraph:
    assert isinstance(answer, CausalGraph), f"`discover` gave a {type(answer).__name__}; give a CausalGraph"
    return answer


def _plain(subject: Subject) -> Variables:
    return graphs.tables(subject, "gaussian", "discrete")[0]


@check("discoverer")
def gives_a_graph_over_the_variables(subject: Subject) -> None:
    """`discover` gives a CausalGraph whose nodes are the table's columns, each once."""
    for variables in graphs.tables(subject, "gaussian", "discrete", "tiered"):
        nodes = _discover(subject, variables).nodes
        assert sorted(nodes) == sorted(variables.names), (
            f"its nodes are {sorted(nodes)}, and the table's columns {sorted(variables.names)}; "
            "a column that takes no part is a node without edges"
        )


@check("discoverer")
def edges_carry_their_evidence(subject: Subject) -> None:
    """Each edge has a known mark, a finite confidence, and evidence that says where it comes from."""
    variables = _plain(subject)
    for known in (None, graphs.drawn_knowledge(variables.names, 1)):
        for edge in _discover(subject, variables, known):
            assert edge.mark in get_args(Mark), f"{edge} has a mark that is none of {', '.join(get_args(Mark))}"
            assert math.isfinite(edge.confidence), f"{edge} has confidence {edge.confidence}"
            assert edge.evidence, f"{edge} has no evidence; give Evidence('data', …), such as its p-value"
            for told in edge.evidence:
                assert told.source in ("data", "llm", "knowledge"), f"{edge} has evidence from {told.source!r}"
                p = told.p_value
                assert p is None or 0 <= p <= 1, f"{edge} has a p-value of {p}; None where there is none"


@check("discoverer")
def knowledge_is_kept(subject: Subject) -> None:
    """No edge goes against tiers and forbidden edges, and every required edge is there."""
    plain = _plain(subject)
    drawn = [graphs.drawn_knowledge(plain.names, k) for k in range(6)]
    told = [
        (v, given, v.knowledge()) for v in graphs.tables(subject, "tiered", "discrete") for given in (None, Knowledge())
    ]
    for variables, given, known in [*told, *((plain, one, one) for one in drawn)]:
        wrong = list(graphs.against(_discover(subject, variables, given), known))
        assert not wrong, (
            f"against knowledge: {'; '.join(wrong)}; "
            "`variables.knowledge(knowledge).allows(cause, effect)` says what may be"
        )


@check("discoverer")
def columns_permuted_give_the_same_graph(subject: Subject) -> None:
    """The order of the columns changes nothing."""
    for variables in graphs.tables(subject, "gaussian", "discrete", "repeated"):
        turned = graphs.permuted(variables, rows=False)
        _same_edges(_discover(subject, variables), _discover(subject, turned), "with its columns in another order")


@check("discoverer")
def rows_permuted_give_the_same_graph(subject: Subject) -> None:
    """The order of the rows changes no edge."""
    for variables in graphs.tables(subject, "gaussian", "discrete", "repeated"):
        shuffled = graphs.permuted(variables, rows=True)
        _same_edges(_discover(subject, variables), _discover(subject, shuffled), "with its rows in another order")


@check("discoverer")
def names_do_not_matter(subject: Subject) -> None:
    """What reads the data finds the same edges under other names."""
    if assumed_by(subject.example) is None or getattr(subject.example, "reads_names", False):
        raise Unverified("it claims nothing of data, or says so itself: it may go by the names")
    plain = _plain(subject)
    variables, old = graphs.renamed(plain)
    again = _discover(subject, variables).edges
    back = CausalGraph(plain.names, tuple(type(e)(old[e.source], old[e.target], e.mark) for e in again))
    _same_edges(_discover(subject, plain), back, "renamed")


@check("discoverer")
def leaves_the_table_alone(subject: Subject) -> None:
    """`discover` changes neither the table nor the knowledge."""
    variables = graphs.copied(graph_world("mixed").variables)
    known = graphs.drawn_knowledge(variables.names, 1)
    with left_alone(variables, known):
        answer_or_refusal(lambda: subject.fresh().discover(variables, known), "a mixed table")


@check("discoverer")
def repeats_under_one_seed(subject: Subject) -> None:
    """One seed gives one graph, whatever the component did before and other code drew."""
    plain, component, context = graphs.copied(_plain(subject)), subject.fresh(), Context(root_seed=3)
    first = _graph(component.discover(plain, context=context))
    component.discover(_cut(plain, 500), context=Context(root_seed=9))
    with shaken(1):
        again = _graph(component.discover(plain, context=context))
    assert again.to_dict() == first.to_dict(), (
        "the same table and seed gave another graph; draw from `context.rng('name')`, sort sets, and keep no state"
    )


@check("discoverer")
def stands_too_few_rows(subject: Subject) -> None:
    """Of no row, one row, or fewer rows than columns: a graph, or an error that says so."""
    plain = _plain(subject)
    for rows in (0, 1, 4):
        _stands(subject, _cut(plain, rows), f"a table of {rows} rows and {len(plain.names)} columns")


@check("discoverer")
def joins_no_constant_column(subject: Subject) -> None:
    """A column that never varies has no edge from data."""
    graph = _stands(subject, graphs.with_column(_plain(subject), "flat", 1.0), "a column that never varies")
    told = [e for e in graph or () if "flat" in (e.source, e.target) and any(v.source == "data" for v in e.evidence)]
    assert not told, f"it read {told[0]} from data in which flat never varies"


@check("discoverer")
def stands_copies_of_columns(subject: Subject) -> None:
    """Of columns that follow from others: a graph, or an error that says so."""
    plain = _plain(subject)
    taste = plain["taste"]
    _stands(
        subject, graphs.with_column(plain, "copy", plain.table["taste"], taste.kind), "a column that is there twice"
    )
    if taste.kind == "continuous":
        both = plain.table["taste"] - 2 * plain.table["shown"]
        _stands(subject, graphs.with_column(plain, "sum", both), "a column that is the sum of two others")


@check("discoverer")
def stands_missing_and_huge_numbers(subject: Subject) -> None:
    """Of numbers that are missing, infinite or huge: a graph, or an error that says so."""
    rng, plain = np.random.default_rng(0), _plain(subject)
    for value, said in ((np.nan, "missing"), (np.inf, "infinite"), (1e308, "of 1e308")):
        values = rng.normal(size=len(plain.table))
        values[::7] = value
        _stands(subject, graphs.with_column(plain, "odd", values), f"numbers that are {said}")


@check("discoverer")
def answers_or_refuses_in_every_world(subject: Subject) -> None:
    """In each planted world: a graph, or an error that says why not."""
    for name in GRAPH_WORLDS:
        world = graph_world(name)
        _stands(subject, world.variables, f"the world {_said(world)}")


@check("discoverer")
def can_be_stopped(subject: Subject) -> None:
    """Told to stop, it raises `Interrupted`, or is done at once."""
    plain = _plain(subject)
    told_to_stop(lambda context: subject.fresh().discover(plain, context=context))


@check("discoverer")
def finds_the_planted_edges(subject: Subject) -> None:
    """Where all that it assumes holds, the pairs that it joins are those that were planted."""
    for world, found in _claimed(subject):
        reached = float(np.mean([graphs.f1(graph, planted) for graph, planted in found]))
        assert reached >= RIGHT, (
            f"in the world {_said(world)} all that it assumes holds, and the F1 of its "
            f"edges is {reached:.2f}, below {RIGHT}; name in `assumes` what it rests on, or mend it"
        )


@check("discoverer")
def directions_are_right(subject: Subject) -> None:
    """Where all that it assumes holds, few of its marks say what is false."""
    for world, found in _claimed(subject):
        wrong = [edge for graph, planted in found for edge in graphs.misdirected(graph, planted)]
        right = sum(len(graphs.joined(graph) & graphs.joined(planted)) for graph, planted in found)
        assert len(wrong) <= MISDIRECTED * right, (
            f"in the world {world.name!r} all that it assumes holds, and {len(wrong)} of {right} edges point wrongly, "
            f"such as {wrong[0]}; write `--` or `o-o` where a direction is not known"
        )


@check("discoverer")
def joins_little_where_nothing_is(subject: Subject) -> None:
    """Of columns that have nothing to do with each other, few pairs are joined."""
    for world, found in _claimed(subject, empty=True):
        pairs = len(world.graph.nodes) * (len(world.graph.nodes) - 1) / 2 * len(found)
        edges = sum(len(graph.edges) for graph, _ in found)
        assert edges <= FALSE * pairs, (
            f"in the world {_said(world)} it joins {edges} of {pairs:.0f} pairs, more than one in {1 / FALSE:.0f}"
        )


@check("discoverer")
def says_what_the_rows_can_show(subject: Subject) -> None:
    """Where the rows show that an assumption fails, it refuses, or says so in the graph's notes."""
    assumes = assumed_by(subject.example)
    if assumes is None:
        raise Unverified("it says nothing of what it assumes")
    visible = {name for name in assumes if ASSUMPTIONS[name].testable}
    worlds = [graph_world(name) for name in GRAPH_WORLDS if visible - graph_world(name).holds]
    if not worlds:
        raise NotApplicable("it assumes nothing that the rows of a planted table could show to fail")
    for world in worlds:
        graph = _stands(subject, world.variables, f"the world {world.name!r}")
        fails = ", ".join(sorted(visible - world.holds))
        right = graph is not None and graphs.f1(graph, world.graph) >= RIGHT
        assert graph is None or right or graph.notes, (
            f"it assumes {fails}, which the rows of the world {world.name!r} show to fail; it gave a wrong graph and "
            "no note; raise a DataError, or say so in `CausalGraph.notes`"
        )


def _claimed(
    subject: Subject, *, empty: bool = False
) -> Iterator[tuple[GraphWorld, list[tuple[CausalGraph, CausalGraph]]]]:
    """Worlds that it claims, with what it found and what was planted in some draws; those that it refuses left out."""
    assumes = assumed_by(subject.example)
    if assumes is None:
        raise Unverified("it has no `assumes`, so no world is claimed; see causalkit.assumptions")
    names = [
        n for n in GRAPH_WORLDS if assumes <= graph_world(n).holds and empty is not bool(graph_world(n).graph.edges)
    ]
    if not names:
        raise NotApplicable(f"no planted graph keeps all that it assumes ({', '.join(sorted(assumes))})")
    answered = False
    for name in names:
        drawn = [graph_world(name, seed) for seed in SEEDS]
        found = [(_stands(subject, world.variables, f"the world {name!r}"), world.graph) for world in drawn]
        known = [(graph, planted) for graph, planted in found if graph is not None]
        answered = answered or bool(known)
        if known:
            yield drawn[0], known
    assert answered, f"it refused every world that it claims: {', '.join(names)}"


def _stands(subject: Subject, variables: Variables, given: str) -> CausalGraph | None:
    component, table = subject.fresh(), graphs.copied(variables)
    answer = answer_or_refusal(lambda: component.discover(table, variables.knowledge()), given)
    return None if answer is None else _graph(answer)


def _cut(variables: Variables, rows: int) -> Variables:
    return replace(variables, table=variables.table.iloc[:rows], units=variables.units.iloc[:rows])


def _same_edges(first: CausalGraph, again: CausalGraph, said: str) -> None:
    one, other = graphs.edges_of(first), graphs.edges_of(again)
    assert one == other, f"{said}, it found {_told(one ^ other)} otherwise; {_TIES}"


def _said(world: GraphWorld) -> str:
    return f"{world.name!r} ({world.summary[0].lower()}{world.summary[1:-1]})"


def _told(edges: frozenset[tuple[str, str, str]]) -> str:
    return ", ".join(" ".join(edge) for edge in sorted(edges)[:3])
