"""fused: a right model is followed, a wrong, a random or a silent one changes nothing, and knowledge stays strict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from causalkit_plugins.discoverers._gate import Gate, halves
from causalkit_plugins.discoverers._likelihood import SHIPPED, evidence, fit_table, read_table, tilted
from causalkit_plugins.discoverers._orienting import orient_after
from causalkit_plugins.discoverers._reliability import oriented, reliability
from causalkit_plugins.discoverers.fused import ASSUMED, Fused, opinions_of, pairs_to_ask
from causalkit_plugins.discoverers.knowledge import KnowledgeGraph
from causalkit_plugins.discoverers.pc import PC
from causalkit_plugins.discoverers.score_search import ScoreSearch

from causalkit.components import Context, component
from causalkit.errors import BudgetReached, InvalidParameter, UsageError
from causalkit.testing.worlds.graph import graph_world
from causalkit.types import CausalGraph, Edge, Evidence, Knowledge, Opinion, StructurePrior, Variables

TURNED: dict[Any, Any] = {"a->b": "b->a", "b->a": "a->b"}


@component
class Expert:
    """Says of each pair what a planted world's graph has, its reverse, anything, or nothing."""

    world: str
    "Whose graph."
    says: Literal["right", "reverse", "random", "nothing", "too much"] = "right"
    "How."

    takes_pairs = True

    def discover(
        self,
        variables: Variables,
        knowledge: Knowledge | None = None,
        *,
        pairs: Sequence[tuple[str, str]] | None = None,
        context: Context = Context(),
    ) -> CausalGraph:
        """Opinions alone."""
        if self.says == "too much":
            raise BudgetReached("3 calls are spent", "Raise --max-calls and resume.")
        told = [self._opinion(*pair, context) for pair in pairs or () if self.says != "nothing"]
        return CausalGraph(variables.names, opinions=tuple(told))

    def _opinion(self, a: str, b: str, context: Context) -> Opinion:
        edge = graph_world(self.world).graph.edge(a, b)
        said: Any = "none" if edge is None else "a->b" if edge.source == a else "b->a"
        if self.says == "reverse":
            said = TURNED.get(said, said)
        if self.says == "random":
            said = ("a->b", "b->a", "none")[context.rng(f"{a} {b}").integers(3)]
        return Opinion(a, b, said, "expert")


@component
class Edges:
    """A stranger's discoverer: edges without opinions, and no prior taken."""

    marks: str = "->"
    "The mark of its one edge."
    source: Literal["data", "llm"] = "data"
    "What it rests on."

    def discover(
        self, variables: Variables, knowledge: Knowledge | None = None, *, context: Context = Context()
    ) -> CausalGraph:
        """One edge."""
        edge = Edge("season", "price", self.marks, 0.9, (Evidence(self.source, "said"),))  # type: ignore[arg-type]
        return CausalGraph(variables.names, (edge,))


def arrows(graph: CausalGraph) -> set[tuple[str, str, str]]:
    return {(e.source, e.mark, e.target) for e in graph}


def fused(data: Any, says: str, world: str = "gaussian", **fields: Any) -> Fused:
    return Fused(data=data, model=Expert(world=world, says=says), **fields)  # type: ignore[arg-type]


DATA = [PC(), ScoreSearch(starts=4, sweeps=20)]


@pytest.mark.parametrize("data", DATA, ids=("pc", "score-search"))
def test_a_right_expert_directs_what_data_leave_open(data: Any) -> None:
    world = graph_world("gaussian")
    alone = data.discover(world.variables)
    assert alone.undirected()
    found = fused(data, "right").discover(world.variables)
    assert arrows(found) == arrows(world.graph)
    assert found.opinions


@pytest.mark.parametrize("data", DATA, ids=("pc", "score-search"))
@pytest.mark.parametrize("says", ["reverse", "nothing"])
def test_a_worthless_expert_changes_nothing(data: Any, says: str) -> None:
    for world in (graph_world("gaussian"), graph_world("discrete")):
        alone = data.discover(world.variables, context=Context().under("data"))
        found = fused(data, says, world.name).discover(world.variables)
        assert arrows(found) == arrows(alone), world.name


def test_luck_earns_a_random_expert_little() -> None:
    world = graph_world("gaussian")
    alone = PC().discover(world.variables)
    changed = 0
    for seed in range(12):
        found = fused(PC(), "random").discover(world.variables, context=Context(root_seed=seed))
        changed += len(arrows(found) - arrows(alone))
    assert changed <= 12 * len(alone.undirected()) / 3


def test_taken_at_its_word_a_reversed_expert_does_harm() -> None:
    world = graph_world("gaussian")
    found = fused(PC(), "reverse", trust=1.0).discover(world.variables)
    assert arrows(found) != arrows(PC().discover(world.variables))
    assert "the reliability used was given: 1" in found.notes


def test_reliability_is_told_with_what_it_assumes() -> None:
    notes = fused(PC(), "right").discover(graph_world("gaussian").variables).notes
    assert ASSUMED in notes
    assert any(note.startswith("reliability of expert in this table: 0.") and "gate, in nats" in note for note in notes)


def test_every_edge_says_what_data_and_model_said() -> None:
    for edge in fused(PC(), "right").discover(graph_world("gaussian").variables):
        assert {told.source for told in edge.evidence} == {"data", "llm"}, edge


@pytest.mark.parametrize("data", DATA, ids=("pc", "score-search"))
def test_knowledge_is_strict(data: Any) -> None:
    world = graph_world("gaussian")
    known = Knowledge(required=frozenset({("price", "season")}), forbidden=frozenset({("taste", "visits")}))
    found = fused(data, "right").discover(world.variables, known)
    assert ("price", "->", "season") in arrows(found)
    assert ("taste", "->", "visits") not in arrows(found)


def test_a_spent_budget_passes_through() -> None:
    with pytest.raises(BudgetReached, match="3 calls are spent"):
        fused(PC(), "too much").discover(graph_world("gaussian").variables)


def test_edges_of_a_stranger_are_opinions() -> None:
    variables = graph_world("gaussian").variables
    said = opinions_of(Edges(source="llm").discover(variables))
    assert said == [Opinion("season", "price", "a->b")]
    assert opinions_of(Edges(marks="--", source="llm").discover(variables))[0].probabilities == {
        "a->b": 0.5,
        "b->a": 0.5,
    }
    assert opinions_of(KnowledgeGraph().discover(variables, Knowledge(required=frozenset({("season", "price")})))) == []


def test_without_a_prior_undirected_edges_are_directed_afterwards() -> None:
    variables = graph_world("gaussian").variables
    found = fused(Edges(marks="--"), "right", trust=1.0).discover(variables)
    assert ("season", "->", "price") in arrows(found)


def test_directing_afterwards_makes_no_cycle_and_no_collider() -> None:
    chain = CausalGraph(("a", "b", "c"), (Edge("a", "b"), Edge("b", "c", "--")))
    into = StructurePrior({("c", "b"): 2.0})
    assert orient_after(chain, into, Knowledge()) == chain
    ring = CausalGraph(("a", "b", "c"), (Edge("a", "b"), Edge("b", "c"), Edge("a", "c", "--")))
    assert orient_after(ring, StructurePrior({("c", "a"): 2.0}), Knowledge()) == ring
    ruled = Knowledge(forbidden=frozenset({("b", "c")}))
    assert orient_after(chain, StructurePrior({("b", "c"): 2.0}), ruled) == chain
    assert orient_after(chain, StructurePrior({("b", "c"): 0.6}), Knowledge()) == chain
    assert orient_after(chain, StructurePrior({("b", "c"): 0.8}), Knowledge()) != chain


def test_the_gate_weighs_a_model_and_its_reverse_alike_but_for_the_sign() -> None:
    world = graph_world("gaussian")
    split = halves(world.variables, Knowledge(), 1.0, Context())
    assert split is not None
    joined = [(e.source, e.target) for e in world.graph]
    first = split.judge(joined, dict.fromkeys(joined, 1.0))
    second = split.judge(joined, dict.fromkeys(joined, -1.0))
    assert min(first.gains) > 5
    assert second.gains == pytest.approx([-gain for gain in first.gains])


def test_halves_do_not_depend_on_the_order_of_rows() -> None:
    variables = graph_world("discrete").variables
    turned = replace(variables, table=variables.table.iloc[::-1].reset_index(drop=True))
    one, other = (halves(v, Knowledge(), 1.0, Context()) for v in (variables, turned))
    assert one is not None
    assert other is not None
    for a, b in zip(one.each, other.each, strict=True):
        assert a.local(0, (1,)) == pytest.approx(b.local(0, (1,)))


def test_a_small_table_goes_without_a_gate() -> None:
    variables = graph_world("gaussian").variables
    few = replace(variables, table=variables.table.iloc[:30])
    found = fused(PC(), "right").discover(few)
    assert "without a gate, since half of the table is too small" in found.notes


def test_reliability_rises_with_agreement_and_undirected_edges_say_nothing() -> None:
    table = read_table(SHIPPED)
    names = [f"v{i}" for i in range(12)]
    said = (Evidence("data"),)
    graph = CausalGraph(tuple(names), tuple(Edge(names[i], names[i + 1], "->", 0.99, said) for i in range(11)))
    right = [Opinion(names[i], names[i + 1], "a->b") for i in range(11)]
    wrong = [replace(o, said="b->a") for o in right]
    good, bad = (reliability(o, table, oriented(graph), None, 0.5) for o in (right[:6] + wrong[6:8], wrong))
    assert good.weight > bad.weight
    assert (bad.edges, bad.agreed) == (11, 0)
    assert bad.low < 0.05
    loose = replace(graph, edges=tuple(replace(e, mark="--") for e in graph))
    assert oriented(loose) == {}
    known = replace(graph, edges=tuple(replace(e, evidence=(Evidence("knowledge"),)) for e in graph))
    assert oriented(known) == {}


def test_a_lost_gate_lowers_reliability() -> None:
    grid = np.array([0.1, 0.9])
    won, lost = Gate((5.0, 5.0), (4, 4)).log_likelihood(grid), Gate((-5.0, -5.0), (4, 4)).log_likelihood(grid)
    assert won[1] > won[0]
    assert lost[1] < lost[0]
    assert Gate((5.0,), (0,)).log_likelihood(grid) == pytest.approx([0, 0])


def test_repeats_are_tempered_and_both_orders_are_one_pair() -> None:
    table = read_table(SHIPPED)
    once = evidence([Opinion("a", "b", "a->b")], table, 0.5)["a", "b"]
    four = evidence([Opinion("a", "b", "a->b", repeat=k) for k in range(4)], table, 0.5)["a", "b"]
    assert four == pytest.approx(2 * once)
    turned = evidence([Opinion("b", "a", "b->a")], table, 0.5)["a", "b"]
    assert turned[0] == pytest.approx(np.log(table[1, 1]))


def test_position_bias_is_read_off_pairs_asked_both_ways() -> None:
    table = read_table(SHIPPED)
    always_first = [Opinion(*pair, "a->b") for k in range(20) for pair in ((f"x{k}", "y"), ("y", f"x{k}"))]
    turned = tilted(table, always_first)
    assert turned[0, 0] / turned[1, 0] < table[0, 0] / table[1, 0]
    assert tilted(table, always_first[::2]) == pytest.approx(table)


def test_a_table_is_fitted_by_pairs() -> None:
    asked = [Opinion("a", "b", "a->b", repeat=k) for k in range(5)] + [Opinion("c", "d", "none")]
    table = fit_table([(asked, [("a", "b")])], smooth=1.0)
    assert table[0] == pytest.approx([1.25 / 2, 0.25 / 2, 0.25 / 2, 0.25 / 2])
    assert table.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    "likelihood",
    [{}, {**SHIPPED, "edge": {"a->b": -1.0}}, {**SHIPPED, "none": {"perhaps": 1.0}}, {**SHIPPED, "edge": {}}],
)
def test_a_table_that_is_none_is_refused(likelihood: Any) -> None:
    with pytest.raises(InvalidParameter, match="likelihood"):
        fused(PC(), "right", likelihood=likelihood).discover(graph_world("gaussian").variables)


def test_asks_about_joined_pairs_and_near_ones() -> None:
    world = graph_world("gaussian")
    split = halves(world.variables, Knowledge(), 1.0, Context())
    few = pairs_to_ask(world.graph, split, 0)
    assert few == sorted((min(e.source, e.target), max(e.source, e.target)) for e in world.graph)
    assert set(few) < set(pairs_to_ask(world.graph, split, 3))


def test_a_model_that_reads_the_table_is_refused():
    variables = graph_world("discrete").variables
    with pytest.raises(UsageError, match="count the data twice"):
        Fused(data=PC(), model=PC()).discover(variables)
