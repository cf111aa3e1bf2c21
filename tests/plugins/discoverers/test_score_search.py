"""Score search on data: the best graph of all, the true posterior, knowledge strict, priors soft, repeated rows."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.discoverers._orders import climb, places, sample, tabulate
from causalkit_plugins.discoverers._posterior import draw_graphs, least_error
from causalkit_plugins.discoverers._scores import BDeu
from causalkit_plugins.discoverers.score_search import ScoreSearch

from causalkit.context import Context
from causalkit.errors import ConfigError, DataError, Interrupted
from causalkit.testing.checks._graphs import against, drawn_knowledge
from causalkit.types import Column, Knowledge, StructurePrior, Variables

QUICK = ScoreSearch(starts=6, sweeps=20, chains=3, draws=100)
NODES = 4


def coins(rows: int, seed: int) -> np.ndarray:
    """Four coins: a and c both cause d, a causes b; weak enough that no graph is sure."""
    rng = np.random.default_rng(seed)
    a, c = rng.integers(0, 2, (2, rows))
    b = np.where(rng.random(rows) < 0.3, 1 - a, a)
    d = np.where(rng.random(rows) < 0.3, rng.integers(0, 3, rows), a + c)
    return np.column_stack([a, b, c, d]).astype(np.int64)


def all_graphs(size: int) -> list[tuple[tuple[int, ...], ...]]:
    """The parents of each node in every acyclic graph."""
    sets = [
        [s for k in range(size) for s in itertools.combinations([j for j in range(size) if j != i], k)]
        for i in range(size)
    ]
    return [
        graph
        for graph in itertools.product(*sets)
        if nx.is_directed_acyclic_graph(nx.DiGraph([(j, i) for i, own in enumerate(graph) for j in own]))
    ]


@pytest.fixture(scope="module")
def every_graph() -> list[tuple[tuple[int, ...], ...]]:
    return all_graphs(NODES)


def prior_score(graph, arcs) -> float:
    return sum(arcs[j, i] for i, own in enumerate(graph) for j in own)


def tables_of(scores: BDeu, arcs: np.ndarray, before: np.ndarray | None = None):
    others = [[j for j in range(scores.size) if j != i] for i in range(scores.size)]
    return tabulate(scores, others, arcs=arcs, before=before)


@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_all_graphs_is_found(every_graph, seed: int) -> None:
    rng, scores = np.random.default_rng(seed), BDeu(coins(60, seed))
    arcs = rng.normal(0, 2, (NODES, NODES)) * ~np.eye(NODES, dtype=bool)
    tables = tables_of(scores, arcs)
    orders, reached = climb(tables, rng, starts=4, sweeps=10)
    empty = scores.graph_score([()] * NODES)
    best = max(scores.graph_score(graph) + prior_score(graph, arcs) for graph in every_graph)
    assert reached[0] == pytest.approx(best - empty, abs=1e-5)
    found = tables.best_parents(orders[0])
    assert scores.graph_score(found) + prior_score(found, arcs) == pytest.approx(best)


def test_the_shares_of_arcs_are_those_of_the_posterior_over_all_graphs(every_graph) -> None:
    rng, scores = np.random.default_rng(5), BDeu(coins(40, 5))
    arcs = rng.normal(0, 1, (NODES, NODES)) * ~np.eye(NODES, dtype=bool)
    logs = np.array([scores.graph_score(graph) + prior_score(graph, arcs) for graph in every_graph])
    weights = np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum()
    true = np.zeros((NODES, NODES))
    for graph, weight in zip(every_graph, weights, strict=True):
        for i, own in enumerate(graph):
            true[list(own), i] += weight
    drawn = draw_graphs(tables_of(scores, arcs), [[()] * NODES] * 4, rng, 1500)
    np.testing.assert_allclose(drawn, true, atol=0.03)
    by_orders = sample(tables_of(scores, arcs), np.tile(np.arange(NODES), (4, 1)), rng, 300)
    assert np.abs(by_orders - true).max() > 0.06, "the order bias is there, which is why graphs are drawn"


def test_the_graph_of_least_error_is_that_among_all(every_graph) -> None:
    rng = np.random.default_rng(8)
    for _ in range(20):
        drawn = [every_graph[at] for at in rng.integers(0, len(every_graph), 3)]
        chance = np.zeros((NODES, NODES))
        for graph in drawn:
            for i, own in enumerate(graph):
                chance[list(own), i] += 1 / len(drawn)

        def expected(graph, chance=chance) -> float:
            pairs = itertools.combinations(range(NODES), 2)
            arcs = {(j, i) for i, own in enumerate(graph) for j in own}
            none = 1 - chance - chance.T
            right = (chance[p] if p in arcs else chance[p[::-1]] if p[::-1] in arcs else none[p] for p in pairs)
            return NODES * (NODES - 1) / 2 - sum(right)

        assert expected(least_error(chance)) <= min(map(expected, every_graph)) + 0.34
        assert nx.is_directed_acyclic_graph(nx.DiGraph([(j, i) for i, s in enumerate(least_error(chance)) for j in s]))


def test_a_node_at_each_place_scores_what_the_whole_order_does() -> None:
    rng = np.random.default_rng(3)
    scores = BDeu(rng.integers(0, 3, (50, 6)))
    tables = tables_of(scores, rng.normal(size=(6, 6)), rng.normal(size=(6, 6)))
    orders = np.stack([rng.permutation(6) for _ in range(3)])
    nodes = np.array([2, 0, 5])
    told = places(tables, tables.total, orders, tables.masks(orders), nodes)
    for chain, node in enumerate(nodes):
        rest = [j for j in orders[chain] if j != node]
        moved = np.array([[*rest[:at], node, *rest[at:]] for at in range(6)])
        whole = tables.score(moved, tables.total)
        np.testing.assert_allclose(told[chain] - told[chain, 0], whole - whole[0])


def table(rows: int = 600, seed: int = 0) -> Variables:
    columns = dict(zip("abcd", coins(rows, seed).T, strict=True))
    frame = pd.DataFrame({name: columns[name] for name in "dbca"})
    return Variables(frame, tuple(Column(name, "covariate", "categorical") for name in frame))


def marks(graph) -> set[str]:
    return {str(edge) for edge in graph}


def test_a_cpdag_leaves_open_what_equivalent_graphs_do_not_share() -> None:
    graph = QUICK.discover(table())
    assert marks(graph) == {"a -- b", "a -> d", "c -> d"}
    assert marks(ScoreSearch(result="dag").discover(table())) - {"a -> b", "b -> a"} == {"a -> d", "c -> d"}
    edge = graph.edge("a", "d")
    assert edge is not None and edge.confidence > 0.9 and edge.strength is not None and edge.strength > 5


def test_trees_find_the_same_clear_graph() -> None:
    trees = ScoreSearch(local="trees", starts=6, sweeps=20, chains=3, draws=100)
    assert marks(trees.discover(table())) == {"a -- b", "a -> d", "c -> d"}


def test_a_prior_decides_what_data_leave_open_and_nothing_that_they_tell() -> None:
    for odds, said in ((3.0, "a -> b"), (-3.0, "b -> a")):
        prior = StructurePrior(
            {("a", "b"): odds, ("b", "a"): -odds, ("b", "d"): 1.0, ("c", "a"): 1.0}, source="a guess"
        )
        graph = QUICK.discover(table(), prior=prior)
        assert marks(graph) == {said, "a -> d", "c -> d"}
        edge = graph.edge("a", "b")
        assert edge is not None and "a guess" in edge.evidence[-1].detail
    for first in "ab":
        second = "b" if first == "a" else "a"
        graph = QUICK.discover(table(), prior=StructurePrior(orders={(first, second): 4.0}))
        assert graph.edge("a", "b").source == first
        assert graph.edge("a", "b").confidence > 0.8


def test_what_neither_data_nor_prior_says_stays_open_unless_a_dag_is_wanted() -> None:
    elsewhere = StructurePrior({("a", "d"): 1.0, ("d", "a"): -1.0}, source="a guess")
    assert marks(QUICK.discover(table(), prior=elsewhere)) == {"a -- b", "a -> d", "c -> d"}
    weak = StructurePrior({("a", "b"): 0.1, ("b", "a"): -0.1}, source="a guess")
    assert "a -- b" in marks(QUICK.discover(table(), prior=weak))
    dag = ScoreSearch(result="dag").discover(table(), prior=elsewhere)
    assert marks(dag) - {"a -> b", "b -> a"} == {"a -> d", "c -> d"}


def test_a_prior_that_is_no_prior_is_refused() -> None:
    with pytest.raises(ConfigError, match="aa: no such variable"):
        QUICK.discover(table(), prior=StructurePrior({("aa", "b"): 1.0}))
    for value in (np.inf, np.nan):
        with pytest.raises(ConfigError, match="not a finite number"):
            QUICK.discover(table(), prior=StructurePrior({("a", "b"): value}))


@pytest.mark.parametrize("seed", range(12))
def test_knowledge_is_kept_whatever_data_and_prior_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.integers(0, 2, (80, 6)), columns=list("uvwxyz"))
    frame["v"], frame["z"] = frame["u"] ^ (rng.random(80) < 0.1), frame["x"] ^ (rng.random(80) < 0.1)
    given = Variables(frame, tuple(Column(name, "covariate", "binary") for name in frame))
    known = drawn_knowledge(given.names, seed)
    odds = {(a, b): float(rng.normal(0, 5)) for a, b in itertools.permutations(given.names, 2)}
    orders = {(a, b): float(rng.normal(0, 5)) for a, b in itertools.combinations(given.names, 2)} if seed % 3 else {}
    graph = QUICK.discover(given, known, prior=StructurePrior(odds, orders))
    assert not list(against(graph, known))
    assert nx.is_directed_acyclic_graph(graph.directed())
    assert all(edge.confidence > 0.99 for edge in graph if (edge.source, edge.target) in known.required)


def test_many_required_parents_are_kept_beyond_the_bound() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 9)), columns=list("abcdefghi"))
    required = frozenset((name, "i") for name in "abcdefgh")
    graph = ScoreSearch(max_parents=2, candidates=3, starts=4).discover(
        Variables(frame, tuple(Column(name, "covariate") for name in frame)), Knowledge(required=required)
    )
    assert {(e.source, e.target) for e in graph} == required


def test_columns_permuted_give_the_same_graph_and_confidences() -> None:
    given = table(90, 2)
    first = QUICK.discover(given)
    again = QUICK.discover(given.select(["a", "c", "d", "b"]))
    assert again.edges == first.edges


def test_a_coin_of_each_week_is_not_joined_because_rows_repeat_it() -> None:
    joined = {"discrete": 0, "gaussian": 0}
    for seed in range(10):
        rng = np.random.default_rng(seed)
        week = np.repeat(np.arange(20), 60)
        mood = np.repeat(rng.normal(0, 1, 20), 60)
        coin = np.repeat(rng.integers(0, 2, 20), 60)
        for kind in joined:
            sold = mood + rng.normal(0, 1, 1200)
            frame = pd.DataFrame({"coin": coin, "sold": sold > 0 if kind == "discrete" else sold})
            kinds = ("binary", "binary" if kind == "discrete" else "continuous")
            columns = tuple(Column(n, "covariate", k) for n, k in zip(frame, kinds, strict=True))
            levels = {"coin": ("week",)}
            given = Variables(frame, columns, levels, pd.DataFrame({"week": week, "row": np.arange(1200)}))
            joined[kind] += len(QUICK.discover(given).edges)
    assert max(joined.values()) <= 2, f"of 10 coins, joined {joined}"


@pytest.mark.parametrize("kind", ["continuous", "binary"])
def test_rows_of_users_that_resemble_each_other_are_not_counted_as_so_many(kind: str) -> None:
    joined = plain = 0
    user = np.repeat(np.arange(30), 40)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        values = {name: rng.normal(0, 1, 30)[user] + rng.normal(0, 0.7, 1200) for name in ("opened", "bought")}
        frame = pd.DataFrame({name: v > 0 if kind == "binary" else v for name, v in values.items()})
        columns = tuple(Column(name, "covariate", kind) for name in frame)
        by_user = Variables(frame, columns, units=pd.DataFrame({"user": user, "row": np.arange(1200)}))
        graph = QUICK.discover(by_user)
        joined += len(graph.edges)
        plain += len(QUICK.discover(Variables(frame, columns)).edges)
        assert any("1200" in note for note in graph.notes)
    assert joined <= 1 < plain


def test_numbers_missing_are_refused_and_levels_missing_are_a_level() -> None:
    frame = pd.DataFrame({"a": [0.1, np.nan, 0.3, 0.4] * 20, "b": np.arange(80.0)})
    with pytest.raises(DataError, match="missing"):
        QUICK.discover(Variables(frame, tuple(Column(n, "covariate") for n in frame)))
    words = pd.DataFrame({"a": ["x", None, "y", None] * 40, "b": [0, 1, 0, 1] * 40})
    columns = (Column("a", "covariate", "categorical"), Column("b", "covariate", "binary"))
    assert len(QUICK.discover(Variables(words, columns)).edges) == 1


def test_numbers_under_bdeu_are_refused_by_name() -> None:
    frame = pd.DataFrame({"a": np.linspace(0, 1, 50), "b": [0, 1] * 25})
    given = Variables(frame, (Column("a", "covariate"), Column("b", "covariate", "binary")))
    with pytest.raises(DataError, match="a"):
        ScoreSearch(score="bdeu").discover(given)


def test_it_stops_when_told() -> None:
    with pytest.raises(Interrupted):
        QUICK.discover(table(), context=Context(cancelled=lambda: True))


def test_bic_finds_a_linear_graph_among_sixty_columns() -> None:
    rng = np.random.default_rng(1)
    size, rows = 60, 1500
    weights = np.triu(rng.random((size, size)) < 2 / size, 1) * rng.uniform(0.5, 1, (size, size))
    values = rng.normal(size=(rows, size))
    for j in range(size):
        values[:, j] += values @ weights[:, j]
    frame = pd.DataFrame(values, columns=[f"x{i:02}" for i in range(size)])
    graph = ScoreSearch(starts=4, sweeps=20, chains=2, draws=20).discover(
        Variables(frame, tuple(Column(name, "covariate") for name in frame))
    )
    true = {frozenset((f"x{i:02}", f"x{j:02}")) for i, j in np.argwhere(weights)}
    found = {frozenset((e.source, e.target)) for e in graph}
    assert len(true ^ found) <= 3
    assert any("12 candidates" in note for note in graph.notes)
