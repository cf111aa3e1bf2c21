"""What types promise: predictions fall back, graphs convert, tables answer by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from causalkit.errors import ConfigError, DataError
from causalkit.types import (
    CausalGraph,
    Column,
    Dataset,
    Edge,
    EffectFactors,
    Effects,
    Knowledge,
    PairTruth,
    Ranking,
    Schema,
    SegmentMap,
    Table,
)


@pytest.fixture
def effects() -> Effects:
    item = pd.DataFrame({"effect": [0.1, 0.2], "stderr": [0.01, 0.02]}, index=pd.Index(["x", "y"], name="item"))
    segment = pd.DataFrame(
        {"item": ["x", "x"], "segment": ["old", "new"], "effect": [0.5, 0.6], "stderr": [0.05, 0.06]}
    )
    pair = pd.DataFrame({"user": [7], "item": ["y"], "effect": [0.9], "stderr": [0.09]})
    override = pd.DataFrame({"user": [8], "item": ["x"], "segment": ["new"]})
    segments = SegmentMap(pd.Series({7: "old", 8: "old"}), override)
    return Effects(item=item, segment=segment, pair=pair, segments=segments)


def test_predict_falls_back_from_pair_to_segment_to_item(effects: Effects) -> None:
    found = effects.predict([7, 7, 8, 8, 9], ["x", "y", "x", "y", "x"])
    assert list(found["effect"]) == [0.5, 0.9, 0.6, 0.2, 0.1]
    assert list(found["level"]) == ["segment", "pair", "segment", "item", "item"]
    assert list(found["user"]) == [7, 7, 8, 8, 9]


def test_single_pairs_are_those_of_the_matrix(effects: Effects) -> None:
    factors = EffectFactors(
        pd.Index([9, 8]), np.array([[1.0], [2.0]], np.float32), pd.Index(["y"]), np.array([[3.0]], np.float32)
    )
    users, items = [9, 7, 8, "stranger"], ["y", "unknown", "x"]
    row, column = (part.ravel() for part in np.indices((len(users), len(items))))
    for known in (
        effects,
        replace(effects, factors=factors),
        Effects(effects.item),
        replace(effects, segment=effects.segment[:0]),
    ):
        for whole, single in zip(known.matrix(users, items), known.at(users, items, row, column), strict=True):
            np.testing.assert_array_equal(single.reshape(whole.shape), whole)


def test_who_is_alike_has_the_same_effects(effects: Effects) -> None:
    users = [7, 1, 8, 2, 9]
    codes = replace(effects, segments=SegmentMap(pd.Series({1: "old", 2: "new", 9: "old"}))).alike(users)
    assert codes[1] == codes[4]
    assert len(set(codes[:4])) == 4
    assert Effects(effects.item, pair=effects.pair).alike(users).tolist() == [1, 0, 0, 0, 0]
    assert Effects(effects.item).alike([]).tolist() == []


def test_unknown_items_are_nan_and_never_silent_zero(effects: Effects) -> None:
    assert np.isnan(effects.predict([7], ["zzz"])["effect"]).all()


def test_factors_give_pair_effects() -> None:
    factors = EffectFactors(
        pd.Index(["u"]), np.array([[1.0, 2.0]], np.float32), pd.Index(["x"]), np.array([[3.0, 4.0]], np.float32)
    )
    item = pd.DataFrame({"effect": [0.0], "stderr": [0.1]}, index=["x"])
    found = Effects(item=item, factors=factors).predict(["u", "v"], ["x", "x"])
    assert list(found["effect"]) == [11.0, 0.0]
    assert list(found["level"]) == ["pair", "item"]


def test_graph_conversions_round_trip() -> None:
    graph = CausalGraph(("a", "b", "c"), (Edge("a", "b"), Edge("b", "c", "--", 0.4)))
    matrix = graph.to_adjacency()
    assert matrix[0, 1] == 1
    assert matrix[1, 0] == 0
    assert matrix[1, 2] == matrix[2, 1] == 1
    assert [str(e) for e in CausalGraph.from_adjacency(graph.nodes, matrix)] == ["a -> b", "b -- c"]
    again = CausalGraph.from_gml(graph.to_gml())
    assert [(str(e), e.confidence) for e in again] == [("a -> b", 1.0), ("b -- c", 0.4)]
    assert 'n1 -> n2 [dir=none, mark="--"' in graph.to_dot()


@pytest.mark.parametrize(
    "edges", [(Edge("a", "z"),), (Edge("a", "a"),), (Edge("a", "b"), Edge("b", "a")), (Edge("a", "b", confidence=2),)]
)
def test_graphs_refuse_what_makes_no_sense(edges: tuple[Edge, ...]) -> None:
    with pytest.raises(DataError):
        CausalGraph(("a", "b"), edges)


def test_knowledge_contradictions_are_named() -> None:
    with pytest.raises(ConfigError, match="b -> a: required, and also ruled out"):
        Knowledge({"a": 0, "b": 1}, required=frozenset({("b", "a")})).check()
    with pytest.raises(ConfigError, match="form a cycle"):
        Knowledge(required=frozenset({("a", "b"), ("b", "c"), ("c", "a")})).check()
    with pytest.raises(ConfigError, match="prize: no such variable; did you mean 'price'"):
        Knowledge({"prize": 0}).check(["price"])


def test_merged_knowledge_names_each_source_that_says_something_once() -> None:
    nothing, team = Knowledge(source="schema"), Knowledge({"a": 0, "b": 1}, source="our team")
    assert nothing.merged(nothing.merged(team)).source == "our team"
    said = Knowledge({"a": 0}, source="schema")
    assert said.merged(said.merged(team)).because("b", "a") == "schema + our team"


def test_schema_refuses_doubles_and_unknown_assignment() -> None:
    with pytest.raises(DataError, match="twice"):
        Schema((Column("a", "item"), Column("a", "user")))
    with pytest.raises(DataError, match="role 'item'"):
        Schema((Column("a", "item"), Column("b", "item")))
    with pytest.raises(DataError, match="did you mean 'week'"):
        Schema((Column("week", "time"),), assignment=("weak",))


def test_tables_read_by_parts_and_name_missing_columns() -> None:
    table = Table(pd.DataFrame({"a": range(5), "b": 0}))
    assert [len(p) for p in table.parts(["a"], rows=2)] == [2, 2, 1]
    with pytest.raises(DataError, match="no column 'aa'; did you mean 'a'"):
        table.frame(["aa"])


def test_fingerprints_follow_content() -> None:
    a, b = pd.DataFrame({"x": [1, 2]}), pd.DataFrame({"x": [2, 1]})
    assert Table(a).fingerprint() == Table(a.copy()).fingerprint() != Table(b).fingerprint()


def test_pair_truth_is_nan_where_unknown() -> None:
    truth = PairTruth(pd.Index([1]), pd.Index(["x"]), np.array([[0.5]], np.float32))
    found = truth.at([1, 2], ["x", "y"])
    assert found[0, 0] == 0.5
    assert np.isnan(found).sum() == 3


def test_what_a_notebook_shows_is_short_escaped_and_says_something() -> None:
    items = pd.Index([f"<b>{i}</b>" for i in range(3000)], name="item")
    table = pd.DataFrame({"effect": 0.01, "lower": 0.0, "upper": 0.02, "status": "estimated"}, index=items)
    row = {"scope": "overall", "who": "", "score": 1.0, "stderr": 0.1, "level": "item"}
    ranked = table.reset_index().assign(**row, rank=np.arange(1, 3001))
    effects, ranking = Effects(table), Ranking(ranked, "uplift", {"refuted": 2, "no-path": 0})
    names = tuple(f"x{i}" for i in range(60))
    shown: list[tuple[object, tuple[str, ...]]] = [
        (effects, ("3,000 items: 3,000 estimated", "see .item")),
        (ranking, ("by uplift: '<b>0</b>'", "2 left out as refuted", "see .overall")),
        (CausalGraph(names, tuple(Edge(names[0], n) for n in names[1:])), ("60 nodes, 59 edges: x0 -> x1", "…")),
        (Dataset(Table(ranked), Schema((Column("item", "item"),)), table), ("3,000 rows, 3,000 items, 0 users",)),
        (Table(ranked), ("3,000 rows: item, effect",)),
    ]
    for value, words in shown:
        assert len(repr(value)) < 400
        assert all(word in repr(value) for word in words)
    for html in (effects._repr_html_(), ranking._repr_html_()):
        assert "<b>" not in html
        assert html.count("&lt;b&gt;") >= 10
        assert html.count("<tr") < 15
