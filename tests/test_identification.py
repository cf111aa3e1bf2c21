"""Adjustment sets from design and graph, against DoWhy, networkx and brute force."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from causalkit.errors import ConfigError, DataError
from causalkit.identification import identify, identify_graph
from causalkit.identification.orientations import orientations
from causalkit.types import CausalGraph, Column, Dataset, Derivation, Edge, Schema, Table, Variables

TIERS = {"season": 0, "lag": 1, "mailer": 2, "price": 2, "visited": 3, "bought": 4}


def shop(extra: list[Column] | None = None, **columns: np.ndarray) -> Dataset:
    rng = np.random.default_rng(0)
    n = 200
    rows = pd.DataFrame(
        {
            "item": pd.Categorical(np.repeat(["soup", "tea"], n // 2)),
            "week": np.tile(np.arange(n // 2), 2),
            "mailer": rng.integers(0, 2, n),
            "bought": rng.integers(0, 2, n),
            "season_sin1": rng.normal(size=n),
            "season_cos1": rng.normal(size=n),
            "lag": rng.normal(size=n),
            "dept": np.repeat(["a", "b"], n // 2),
            "price": rng.normal(size=n),
            "visited": rng.integers(0, 2, n),
            **columns,
        }
    )
    schema = Schema(
        (
            Column("item", "item", "categorical"),
            Column("week", "time", "time"),
            Column("mailer", "treatment", "binary", 2),
            Column("bought", "outcome", "binary", 4),
            Column("season", "covariate", tier=0, derive=Derivation("fourier")),
            Column("lag", "covariate", tier=1),
            Column("dept", "covariate", "categorical", tier=0),
            Column("price", "bundle", tier=2),
            Column("visited", "signal", "binary", 3, "visited the store"),
            *(extra or []),
        ),
        assignment=("item", "week"),
    )
    return Dataset(Table(rows), schema, pd.DataFrame(index=pd.Index(["soup", "tea"], name="item")))


def graph(*edges: str, nodes: tuple[str, ...] = ()) -> CausalGraph:
    parsed = [Edge(a, b, mark) for a, mark, b in (text.split() for text in edges)]
    names = dict.fromkeys([*nodes, *(n for e in parsed for n in (e.source, e.target))])
    return CausalGraph(tuple(names), tuple(parsed))


# --- the design alone


def test_design_adjusts_for_pre_treatment_variables_that_vary_within_the_item():
    estimand, others = identify(shop(), None, target="att")
    assert estimand.adjustment == ("season_sin1", "season_cos1", "lag")
    assert estimand.mediators == ("visited",)
    assert estimand.bundle == ("price",)
    assert estimand.identified
    assert not others
    assert "dept (constant within every item" in estimand.reason
    assert estimand.unit == ("item", "week")


def test_trusting_a_graph_that_is_not_there_is_said():
    estimand, _ = identify(shop(), trust_graph=True)
    assert any("no graph" in w for w in estimand.warnings)


def test_item_attributes_and_user_attributes_outside_the_rows():
    schema = shop().schema.with_columns([Column("brand", "covariate"), Column("income", "covariate")])
    data = shop()
    data = Dataset(
        data.interactions, schema, data.items.assign(brand=["x", "y"]), pd.DataFrame({"income": [1]}, index=["u"])
    )
    estimand, _ = identify(data)
    assert "brand" in estimand.reason
    assert any("income" in w and "not in the rows" in w for w in estimand.warnings)
    with pytest.raises(DataError, match="colour"):
        identify(
            Dataset(data.interactions, schema.with_columns([Column("colour", "covariate")]), data.items, data.users)
        )


def test_later_and_same_tier_covariates_and_instruments_stay_out():
    rng = np.random.default_rng(1)
    extra = [
        Column("basket", "covariate", tier=3),
        Column("display", "covariate", tier=2),
        Column("lottery", "instrument", tier=1),
        Column("untiered", "covariate"),
        Column("words", "covariate", "text"),
    ]
    data = shop(extra, **{c.name: rng.normal(size=200) for c in extra})
    estimand, _ = identify(data)
    assert estimand.adjustment == ("season_sin1", "season_cos1", "lag", "untiered")
    assert estimand.instruments == ("lottery",)
    assert set(estimand.mediators) == {"visited", "basket"}


def test_missing_values_and_parts_decide_variation():
    steady = np.full(200, np.nan)
    late = np.zeros(200)
    late[-1] = 1
    data = shop([Column("steady", "covariate"), Column("late", "covariate")], steady=steady, late=late)
    estimand, _ = identify(data)
    assert "late" in estimand.adjustment
    assert "steady" not in estimand.adjustment


def test_variation_is_seen_across_parts(monkeypatch):
    whole = Table.parts
    monkeypatch.setattr(Table, "parts", lambda self, columns=None, rows=3: whole(self, columns, 3))
    block = np.repeat([0.0, 1.0], 100)  # differs between items, never within
    half = np.tile(np.repeat([0.0, 1.0], 50), 2)  # within, but only across parts
    data = shop([Column("block", "covariate"), Column("half", "covariate")], block=block, half=half)
    estimand, _ = identify(data)
    assert "half" in estimand.adjustment
    assert "block" not in estimand.adjustment


def test_personal_effects_are_said_not_to_be_identified_where_exposure_is_not_personal():
    data = shop([Column("segment", "segment", "categorical")], segment=np.tile(["p", "q"], 100))
    estimand, _ = identify(data)
    assert any("one user only" in w for w in estimand.warnings)


def test_adjust_replaces_the_choice_and_refuses_what_comes_after():
    estimand, _ = identify(shop(), adjust=["lag"])
    assert estimand.adjustment == ("lag",)
    with pytest.raises(ConfigError) as raised:
        identify(shop(), adjust=["visited", "price", "lagg"])
    assert [p.path for p in raised.value.problems] == ["identify.adjust"] * 3
    assert "did you mean 'lag'" in str(raised.value)


def test_secondary_estimands_by_signal():
    primary, (visit,) = identify(shop(), secondary=["per-visit"])
    assert visit.name == "per-visit"
    assert visit.only == ("visited", 1)
    assert visit.adjustment == primary.adjustment
    assert "with visited the store" in visit.population
    assert any("selection" in w for w in visit.warnings)
    with pytest.raises(ConfigError, match="per-visited"):
        identify(shop(), secondary=["per-click"])


def test_secondary_estimands_by_arms_of_what_came_along():
    primary, (arms,) = identify(shop(), secondary=["arms-price"])
    assert arms.arms == "price"
    assert arms.only is None
    assert arms.adjustment == primary.adjustment
    assert arms.population != primary.population
    with pytest.raises(ConfigError, match=r"arms-visited.*did you mean"):
        identify(shop(), secondary=["arms-visited"])


# --- with a graph


def confounded(untrusted: bool = True) -> tuple[Dataset, CausalGraph]:
    """`storm` causes mailer and purchase, and no schema names it: only the graph can add it."""
    rng = np.random.default_rng(2)
    storm = rng.normal(size=200)
    return shop(storm=storm), graph("storm -> mailer", "storm -> bought", "mailer -> bought", "lag -> bought")


@pytest.mark.parametrize("trust", [False, True])
def test_a_confounder_that_only_the_graph_knows_enters(trust):
    data, found = confounded()
    estimand, _ = identify(data, found, trust_graph=trust)
    assert "storm" in estimand.adjustment
    assert estimand.graph_added == ("storm",)
    assert "storm" not in identify(data)[0].adjustment


def test_bias_falls_when_the_graph_adds_the_confounder():
    rng = np.random.default_rng(3)
    n = 200
    storm = rng.normal(size=n)
    mailer = (storm + rng.normal(size=n) > 0).astype(int)
    bought = 0.1 * mailer + storm + 0.1 * rng.normal(size=n)
    data = shop(storm=storm, mailer=mailer, bought=bought)

    def effect(adjustment):
        rows = data.interactions.frame()
        design = np.column_stack([rows["mailer"], np.ones(n), *(rows[name] for name in adjustment)])
        return np.linalg.lstsq(design, rows["bought"], rcond=None)[0][0]

    without = effect(identify(data)[0].adjustment)
    with_graph = effect(identify(data, confounded()[1])[0].adjustment)
    assert abs(with_graph - 0.1) < 0.05 < abs(without - 0.1)


def test_an_untrusted_graph_only_warns():
    found = graph("mailer -> lag", "lag -> bought", nodes=("season_sin1",))
    estimand, _ = identify(shop(), found)
    assert "lag" in estimand.adjustment
    assert not estimand.graph_dropped
    assert any("lag, which is adjusted for, is a mediator" in w for w in estimand.warnings)
    no_path, _ = identify(shop(), graph("lag -> bought", nodes=("mailer",)))
    assert not no_path.no_path
    assert any("no directed path" in w for w in no_path.warnings)
    cyclic, _ = identify(shop(), graph("mailer -> bought", "bought -> lag", "lag -> mailer"))
    assert any("cycle" in w for w in cyclic.warnings)


def test_an_untrusted_collider_is_named():
    found = graph("a -> lag", "b -> lag", "a -> mailer", "b -> bought", "mailer -> bought")
    estimand, _ = identify(shop(), found)
    assert "lag" in estimand.adjustment
    assert any(
        "opened by adjusting for lag" in w and "mailer <- a -> lag <- b -> bought" in w for w in estimand.warnings
    )


def test_a_trusted_graph_drops_colliders_and_the_unlinked():
    found = graph(
        "a -> lag", "b -> lag", "a -> mailer", "b -> bought", "mailer -> bought", nodes=("season_sin1", "season_cos1")
    )
    estimand, _ = identify(shop(), found, trust_graph=True)
    assert estimand.adjustment == ()
    assert set(estimand.graph_dropped) == {"lag", "season_sin1", "season_cos1"}
    assert estimand.identified


def test_no_path_and_unidentified_in_a_trusted_graph():
    none, _ = identify(shop(), graph("lag -> mailer", "lag -> bought"), trust_graph=True)
    assert none.no_path
    assert none.identified
    hidden, _ = identify(shop(), graph("taste -> mailer", "taste -> bought", "mailer -> bought"), trust_graph=True)
    assert not hidden.identified
    assert "mailer <- taste -> bought" in hidden.reason
    latent, _ = identify(shop(), graph("mailer -> bought", "lag <-> mailer", "lag <-> bought"), trust_graph=True)
    assert latent.identified
    assert latent.adjustment == ()


def test_mediators_and_bundle_are_never_adjusted_for():
    found = graph("mailer -> visited", "visited -> bought", "mailer -> price", "price -> bought", "lag -> mailer")
    for trust in (False, True):
        estimand, _ = identify(shop(), found, trust_graph=trust)
        assert not {"visited", "price"} & set(estimand.adjustment)
    assert {"visited", "price"} <= set(estimand.mediators)


def test_a_declared_instrument_identifies_where_adjustment_cannot():
    data = shop([Column("lottery", "instrument")], lottery=np.random.default_rng(4).integers(0, 2, 200))
    edges = ("taste -> mailer", "taste -> bought", "mailer -> bought")
    estimand, _ = identify(data, graph(*edges, "lottery -> mailer"), trust_graph=True)
    assert estimand.identified
    assert "instrument lottery" in estimand.reason
    leaky, _ = identify(data, graph(*edges, "lottery -> mailer", "lottery -> bought"), trust_graph=True)
    assert not leaky.identified


def test_what_is_constant_within_items_counts_as_known():
    found = graph("dept -> mailer", "dept -> bought", "mailer -> bought")
    estimand, _ = identify(shop(), found, trust_graph=True)
    assert estimand.identified
    assert estimand.adjustment == ()


def test_undirected_edges_give_alternatives():
    storm = np.random.default_rng(5).normal(size=200)
    found = graph("storm -- mailer", "storm -> bought", "mailer -> bought")
    untrusted, _ = identify(shop(storm=storm), found)
    assert "storm" in untrusted.adjustment
    assert untrusted.alternatives == (("season_sin1", "season_cos1", "lag"),)
    trusted, _ = identify(shop(storm=storm), found, trust_graph=True)
    assert {trusted.adjustment, *trusted.alternatives} == {("storm",), ()}


def test_trusted_graphs_that_cannot_be_read_are_refused():
    with pytest.raises(DataError, match="mailer"):
        identify(shop(), graph("lag -> bought"), trust_graph=True)
    with pytest.raises(DataError, match="cycle"):
        identify(shop(), graph("mailer -> bought", "bought -> lag", "lag -> mailer"), trust_graph=True)


def test_variables_may_name_the_treatment_node_otherwise():
    table = pd.DataFrame({"share": [0.0, 1.0], "bought": [0.0, 1.0], "lag": [0.0, 1.0]})
    columns = (Column("share", "treatment"), Column("bought", "outcome"), Column("lag", "covariate"))
    found = graph("lag -> share", "lag -> bought", "share -> bought")
    view = Variables(table, columns, treatment="share", outcome="bought")
    estimand, _ = identify(shop(), found, trust_graph=True, variables=view)
    assert estimand.adjustment == ("lag",)


# --- pure graphs, against others


def random_dag(rng: np.random.Generator, size: int = 7) -> tuple[nx.DiGraph, list[str]]:
    names = [f"v{i}" for i in range(size)]
    order = rng.permutation(names)
    dag = nx.DiGraph()
    dag.add_nodes_from(names)
    dag.add_edges_from((a, b) for a, b in itertools.combinations(order, 2) if rng.random() < 0.4)
    observed = [n for n in names[2:] if rng.random() < 0.5]
    return dag, ["v0", "v1", *observed]


def test_identifiability_agrees_with_dowhy_and_both_sets_separate():
    logging.disable(logging.CRITICAL)
    try:
        from dowhy.causal_identifier import BackdoorAdjustment
        from dowhy.causal_identifier.auto_identifier import identify_backdoor

        rng = np.random.default_rng(6)
        unidentifiable = 0
        for _ in range(250):
            dag, observed = random_dag(rng)
            ours = identify_graph(dag, "v0", "v1", observed)
            theirs = identify_backdoor(dag, ["v0"], ["v1"], observed, BackdoorAdjustment.BACKDOOR_EXHAUSTIVE)
            assert ours.identifiable == bool(theirs), sorted(dag.edges)
            unidentifiable += not ours.identifiable
            _check_sets(dag, observed, ours, theirs)
    finally:
        logging.disable(logging.NOTSET)
    assert unidentifiable >= 75


def _check_sets(dag, observed, ours, theirs):
    surgery = dag.copy()
    surgery.remove_edges_from(list(dag.out_edges("v0")))
    if not ours.identifiable:
        assert ours.open_path
        return
    sets = [
        set(ours.minimal),
        set(ours.maximal),
        set(ours.preferred),
        *(set(s.get_adjustment_variables()) for s in theirs),
    ]
    for names in sets:
        assert nx.is_d_separator(surgery, {"v0"}, {"v1"}, names)
        assert not names & nx.descendants(dag, "v0")
        assert names <= set(observed)
    for node in ours.minimal:
        assert not nx.is_d_separator(surgery, {"v0"}, {"v1"}, set(ours.minimal) - {node})


def test_open_paths_are_paths_that_stay_open():
    rng = np.random.default_rng(7)
    seen = 0
    for _ in range(100):
        dag, observed = random_dag(rng)
        found = identify_graph(dag, "v0", "v1", observed)
        if found.identifiable:
            continue
        seen += 1
        steps = found.open_path.split()
        assert steps[0] == "v0"
        assert steps[1] == "<-"
        assert steps[-1] == "v1"
        for a, arrow, b in zip(steps[0::2], steps[1::2], steps[2::2]):
            assert dag.has_edge(*((a, b) if arrow == "->" else (b, a)))
    assert seen > 20


def brute_force(found: CausalGraph) -> set[frozenset[tuple[str, str]]]:
    fixed = [(e.source, e.target) for e in found.edges if e.mark == "->"]
    loose = [(e.source, e.target) for e in found.edges if e.mark == "--"]
    adjacent = {frozenset((e.source, e.target)) for e in found.edges}

    def colliders(arrows):
        return {
            (min(a, c), b, max(a, c))
            for (a, b), (c, d) in itertools.permutations(arrows, 2)
            if b == d and frozenset((a, c)) not in adjacent
        }

    kept = set()
    for flips in itertools.product([False, True], repeat=len(loose)):
        arrows = fixed + [(b, a) if flip else (a, b) for (a, b), flip in zip(loose, flips)]
        if nx.is_directed_acyclic_graph(nx.DiGraph(arrows)) and colliders(arrows) == colliders(fixed):
            kept.add(frozenset(arrows))
    return kept


def test_orientations_match_brute_force():
    rng = np.random.default_rng(8)
    several = 0
    for _ in range(60):
        dag, _ = random_dag(rng, 6)
        loose = {e for e in dag.edges if rng.random() < 0.6}
        edges = [Edge(a, b, "--" if (a, b) in loose else "->") for a, b in dag.edges]
        found = CausalGraph(tuple(dag.nodes), tuple(edges))
        expected = brute_force(found)
        ours = orientations(found, limit=5000)
        if expected:
            assert {frozenset(d.edges) for d in ours.dags} == expected
            assert ours.note == ""
        else:
            assert "v-structures" in ours.note
        several += len(expected) > 1
    assert several > 10


def test_orientations_are_bounded_and_say_so():
    names = [f"n{i}" for i in range(9)]
    complete = CausalGraph(tuple(names), tuple(Edge(a, b, "--") for a, b in itertools.combinations(names, 2)))
    found = orientations(complete, limit=10)
    assert len(found.dags) == 10
    assert "only 10" in found.note


def test_a_bounded_search_turns_the_edges_near_its_focus():
    names = [f"n{i}" for i in range(40)]
    chain = CausalGraph(tuple(names), tuple(Edge(a, b, "--") for a, b in itertools.pairwise(names)))
    for focus in ("n0", "n20", "n39"):
        at = names.index(focus)
        beside = names[at - 1] if at else names[1]
        found = orientations(chain, limit=8, focus=(focus,))
        assert {dag.has_edge(focus, beside) for dag in found.dags} == {True, False}


def test_circle_marks_may_hide_a_common_cause():
    assert len(orientations(graph("a o-> b")).dags) == 2
    assert len(orientations(graph("a o-o b")).dags) == 3
    hidden = orientations(graph("a <-> b")).dags[0]
    assert set(hidden.edges) == {("unobserved(a, b)", "a"), ("unobserved(a, b)", "b")}


def test_graphs_of_resamples_give_alternatives():
    storm = np.random.default_rng(5).normal(size=200)
    whole = graph("mailer -> bought", nodes=("storm",))
    back = graph("storm -> mailer", "storm -> bought", "mailer -> bought")
    drawn = replace(whole, resampled=(back, whole))
    untrusted, _ = identify(shop(storm=storm), drawn)
    alone, _ = identify(shop(storm=storm), whole)
    assert untrusted.adjustment == alone.adjustment
    assert (*alone.adjustment, "storm") in untrusted.alternatives
    trusted, _ = identify(shop(storm=storm), drawn, trust_graph=True)
    assert (trusted.adjustment, trusted.alternatives) == ((), (("storm",),))


def test_resampled_graphs_that_do_not_identify_are_counted():
    hidden = graph("mailer -> bought", "u -> mailer", "u -> bought")
    found = replace(graph("mailer -> bought", nodes=("u",)), resampled=(hidden, graph("mailer -> bought")))
    trusted, _ = identify(shop(), found, trust_graph=True)
    assert trusted.identified
    assert "in 1 of 2 resampled graphs the effect is not identified" in trusted.warnings
