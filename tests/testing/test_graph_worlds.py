"""The planted graphs are in the tables: what is joined depends, what is separated does not."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from causalkit.assumptions import ASSUMPTIONS
from causalkit.testing.worlds.graph import ABOUT_GRAPHS, GRAPH_WORLDS, graph_world

LINEAR = ("gaussian", "tiered", "mixed", "repeated")


def numbers(world) -> pd.DataFrame:
    """Every column as numbers, standardised; words as 0/1 columns, of which a column keeps all but one."""
    table = pd.get_dummies(world.variables.table, dtype=float)
    return (table - table.mean()) / table.std()


def block(table: pd.DataFrame, name: str) -> list[str]:
    return [column for column in table if column == name or column.startswith(f"{name}_")][:2]


def partial(table: pd.DataFrame, a: str, b: str, given: tuple[str, ...]) -> float:
    """The largest correlation of what `given` leaves of the columns of a and of b."""
    z = table[[column for name in given for column in block(table, name)]].to_numpy()
    left, right = (table[block(table, name)].to_numpy() for name in (a, b))
    if z.shape[1]:
        left, right = (x - z @ np.linalg.lstsq(z, x, rcond=None)[0] for x in (left, right))
    return max(abs(np.corrcoef(x, y)[0, 1]) for x in left.T for y in right.T)


@pytest.mark.parametrize("name", sorted(GRAPH_WORLDS))
def test_a_seed_draws_one_table(name):
    world, again, other = GRAPH_WORLDS[name](0), GRAPH_WORLDS[name](0), GRAPH_WORLDS[name](1)
    pd.testing.assert_frame_equal(world.variables.table, again.variables.table)
    assert not world.variables.table[list(other.variables.names)].equals(other.variables.table)
    assert world.summary.endswith(".")
    assert world.holds <= ABOUT_GRAPHS <= set(ASSUMPTIONS)
    assert tuple(world.variables.table) == world.variables.names == world.graph.nodes
    assert nx.is_directed_acyclic_graph(world.graph.directed())


@pytest.mark.parametrize("name", LINEAR)
def test_the_graph_tells_which_partial_correlations_there_are(name):
    """Given a pair's parents in the planted graph, it is correlated where it is joined and nowhere else."""
    world = graph_world(name)
    table, directed = numbers(world), world.graph.directed()
    for a, b in combinations(sorted(world.graph.nodes), 2):
        later = a if a in nx.descendants(directed, b) else b
        given = tuple(sorted(set(directed.predecessors(later)) - {a, b}))
        found = partial(table, a, b, given)
        if world.graph.edge(a, b):
            assert found > 0.15, (a, b, given)
        elif name != "repeated":  # there, chance correlations of 40 weeks are what is planted
            assert found < 0.09, (a, b, given)


def test_discrete_columns_depend_as_the_graph_says():
    world = graph_world("discrete")
    table = world.variables.table
    for edge in world.graph:
        share = pd.crosstab(table[edge.source], table[edge.target], normalize="index")
        assert (share.max() - share.min()).max() > 0.2, edge
    assert {table[name].nunique() for name in table} == {2, 3}
    given = table[table["bought"] == 1]
    apart = pd.crosstab(given["shown"], given["rated"], normalize="index")
    assert (apart.max() - apart.min()).max() < 0.1, "rated depends on what is shown through what is bought alone"


def test_what_is_wrong_with_each_world_is_there():
    hidden = numbers(graph_world("hidden-cause"))
    assert partial(hidden, "shown", "bought", ("coupon", "income")) > 0.3
    assert partial(hidden, "shown", "rated", ("bought",)) < 0.09, "only the hidden cause joins them"
    cancelling = numbers(graph_world("cancelling"))
    assert abs(partial(cancelling, "price", "bought", ())) < 0.06
    assert partial(cancelling, "price", "bought", ("shown",)) > 0.3
    curved = numbers(graph_world("curved"))
    assert partial(curved, "taste", "bought", ()) < 0.06
    assert np.corrcoef(np.cos(2 * graph_world("curved").variables.table["taste"]), curved["bought"])[0, 1] > 0.5


def test_weeks_seem_dependent_where_rows_are_counted():
    world = graph_world("repeated")
    weekly = world.variables.table.groupby(world.variables.units["week"]).first()[["weather", "holiday", "fuel"]]
    by_week = weekly.corr().abs().to_numpy()[np.triu_indices(3, 1)]
    assert (by_week < 0.4).all(), "of 40 weeks these are chance"
    assert max(by_week) * np.sqrt(len(world.variables.table)) > 4, "of 2000 rows they would not be"
    assert world.variables.effective_n("weather", "bought") == 40


@pytest.mark.parametrize("name", ["independent", "independent-discrete"])
def test_nothing_is_joined_where_nothing_is_planted(name):
    table = numbers(graph_world(name))
    assert not graph_world(name).graph.edges
    assert max(partial(table, a, b, ()) for a, b in combinations(graph_world(name).graph.nodes, 2)) < 0.09


def test_columns_come_in_no_causal_order_and_have_one_scale():
    orders = {graph_world("gaussian", seed).variables.names for seed in range(5)}
    assert len(orders) > 1
    np.testing.assert_allclose(graph_world("gaussian").variables.table.std(), 1, atol=0.01)
