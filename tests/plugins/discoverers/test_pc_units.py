"""PC on rows that repeat users, items and weeks: units are counted, never rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.discoverers import _cluster_score
from causalkit_plugins.discoverers._cluster_score import ClusterScore
from causalkit_plugins.discoverers._residuals import Cells
from causalkit_plugins.discoverers._routes import routes
from causalkit_plugins.discoverers._test_choice import choose
from causalkit_plugins.discoverers.pc import PC
from scipy import stats

from causalkit.types import Column, Variables

NOTHING = np.empty((1, 0), np.intp)


def crossed_log(rng: np.random.Generator, users=120, items=40, weeks=25, rows=2500) -> pd.DataFrame:
    """Which user saw which item when, unevenly."""
    busy = rng.lognormal(0, 0.5, users)
    drawn = {
        "user": rng.choice(users, rows, p=busy / busy.sum()),
        "item": rng.integers(0, items, rows),
        "week": rng.integers(0, weeks, rows),
    }
    return pd.DataFrame(drawn).drop_duplicates().apply(lambda c: pd.factorize(c)[0]).reset_index(drop=True)


def per(rng: np.random.Generator, ids: pd.DataFrame, name: str) -> np.ndarray:
    """A draw for each of an id, the same on all of its rows."""
    code = ids[name].to_numpy()
    return rng.normal(size=code.max() + 1)[code]


def seen(table: dict, ids: pd.DataFrame, levels: dict[str, str], **more) -> Variables:
    frame = pd.DataFrame(table)
    columns = tuple(Column(n, "covariate", "binary" if frame[n].nunique() == 2 else "continuous") for n in frame)
    return Variables(frame, columns, {n: (of,) for n, of in levels.items()}, ids, **more)


class Asked:
    """The test that PC gives a table, by names of columns."""

    def __init__(self, variables: Variables) -> None:
        columns, self.test = choose(variables)
        self.place = columns.names.index

    def p(self, a: str, b: str, given: tuple[str, ...] = ()) -> float:
        sets = np.array([[self.place(s) for s in given]], np.intp)
        return float(self.test(self.place(a), sets, np.array([self.place(b)]))[0, 0])


def p_of(variables: Variables, a: str, b: str, given: tuple[str, ...] = ()) -> float:
    return Asked(variables).p(a, b, given)


def test_coins_per_user_item_and_week_are_called_dependent_at_the_nominal_rate():
    rng = np.random.default_rng(1)
    given = [(), ("shown",), ("shown", "age")]
    ours, rows = [], []
    for _ in range(40):
        ids = crossed_log(rng, rows=1500)
        levels = {"age": "user"} | {f"coin_{name}": name for name in ids}
        table = {f"coin_{name}": (per(rng, ids, name) > 0).astype(int) for name in ids} | {"age": per(rng, ids, "user")}
        table["shown"] = sum(per(rng, ids, name) for name in ids) + rng.normal(size=len(ids))
        of_each = sum(per(rng, ids, name) for name in ids)
        table["bought"] = table["shown"] + table["age"] + of_each + rng.normal(size=len(ids))
        log = seen(table, ids, levels)
        for told, test in ((ours, Asked(log)), (rows, Asked(replace(log, levels={}, units=pd.DataFrame())))):
            told += [test.p(f"coin_{name}", "bought", held) < 0.1 for name in ids for held in given]
    assert 0.04 < np.mean(ours) < 0.17  # 360 tests at .1, the three sets of a coin much alike
    assert np.mean(rows) > 0.35


def test_columns_of_rows_may_depend_on_each_other_within_users_items_and_weeks():
    rng = np.random.default_rng(2)
    ours, rows = [], []
    for _ in range(60):
        ids = crossed_log(rng, rows=1200)
        table = {k: sum(per(rng, ids, n) for n in ids) + rng.normal(size=len(ids)) for k in "ab"}
        log = seen(table, ids, {})
        ours.append(p_of(log, "a", "b") < 0.1)
        rows.append(p_of(replace(log, units=pd.DataFrame()), "a", "b") < 0.1)
    assert np.mean(ours) < 0.16
    assert np.mean(rows) > 0.4


def test_levels_that_cross_are_compared_at_both():
    rng = np.random.default_rng(3)
    chance, found = [], []
    for _ in range(30):
        ids = crossed_log(rng, rows=1500)
        table, levels = {name: per(rng, ids, name) for name in ids}, {name: name for name in ids}
        test = Asked(seen(table, ids, levels))
        chance += [test.p(a, b) < 0.1 for a, b in combinations(ids, 2)]
        # rows are there where a user and the item suit each other
        kept = rng.random(len(ids)) < 1 / (1 + np.exp(-1.5 * table["user"] * table["item"]))
        part = seen({n: v[kept] for n, v in table.items()}, ids[kept].reset_index(drop=True), levels)
        found.append(p_of(part, "user", "item") < 0.01)
    assert np.mean(chance) < 0.18
    assert np.mean(found) > 0.9


def test_what_crosses_evenly_cannot_be_told_and_is_said():
    rng = np.random.default_rng(4)
    ids = pd.DataFrame({"user": np.repeat(np.arange(30), 20), "item": np.tile(np.arange(20), 30)})
    table = {"age": per(rng, ids, "user"), "price": per(rng, ids, "item"), "bought": rng.normal(size=600)}
    graph = PC().discover(seen(table, ids, {"age": "user", "price": "item"}))
    assert graph.edge("age", "price") is None
    assert not [s for s in graph.separations if {s.a, s.b} == {"age", "price"}]
    assert any("left without an edge" in note and "age and price" in note for note in graph.notes)


def test_of_three_weeks_nothing_is_told_and_that_is_said():
    rng = np.random.default_rng(5)
    ids = crossed_log(rng, weeks=3)
    table = {"rain": per(rng, ids, "week"), "age": per(rng, ids, "user")}
    table["bought"] = 3 * table["rain"] + table["age"] + rng.normal(size=len(ids))
    graph = PC().discover(seen(table, ids, {"rain": "week", "age": "user"}))
    assert graph.edge("rain", "bought") is None and graph.edge("age", "bought") is not None
    assert any("too few units" in note and "bought and rain" in note for note in graph.notes)
    assert any("by week" in note and "by user" in note for note in graph.notes)


def test_a_declared_cluster_is_what_rows_are_clustered_by():
    rng = np.random.default_rng(6)
    ids = crossed_log(rng)
    table = {"a": rng.normal(size=len(ids)), "b": rng.normal(size=len(ids)), "age": per(rng, ids, "user")}
    free, declared = (seen(table, ids, {"age": "user"}, clusters=c) for c in ((), ("user",)))
    assert [p.by for p in routes(free, ("a", "b")).places] == [("item", "user", "week")]
    assert [p.by for p in routes(declared, ("a", "b")).places] == [("user",)]
    homes = ids.assign(home=ids["user"] // 3)
    at_home = seen(table, homes, {"age": "user"}, clusters=("home",))
    place = next(p for p in routes(at_home, ("a", "age")).places if p.ids == ("user",))
    assert place.by == ("home",) and len(place.clusters[0]) == ids["user"].nunique()


def test_ids_within_others_do_not_count_twice():
    ids = pd.DataFrame({"user": np.arange(60) // 2, "home": np.arange(60) // 6, "again": np.arange(60) // 6})
    found = routes(seen({"a": np.arange(60.0), "b": np.arange(60.0) % 7}, ids, {}), ("a", "b"))
    assert [p.by for p in found.places] == [("again",)]


def test_the_score_is_that_of_the_papers():
    """Against Cameron, Gelbach & Miller's variance, and a t law of the fewest clusters."""
    rng = np.random.default_rng(7)
    ids = crossed_log(rng, rows=400)
    a, b, c = (per(rng, ids, "user") + rng.normal(size=len(ids)) for _ in range(3))
    values = np.column_stack([a, b, c])
    clusters = tuple(ids[n].to_numpy(np.intp) for n in ("item", "week"))
    test = ClusterScore(Cells(values, [np.array([k]) for k in range(3)], [None] * 3), clusters)
    p, strength = test.measured(0, np.array([[2]]), np.array([1]))
    design = np.column_stack([np.ones(len(a)), c])
    x, y = (v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (a, b))
    frame = pd.DataFrame({"item": clusters[0], "week": clusters[1], "s": x * y})
    squares = [(frame.groupby(by)["s"].sum() ** 2).sum() for by in (["item"], ["week"], ["item", "week"])]
    variance, size = squares[0] + squares[1] - squares[2], ids["week"].nunique()
    share = frame["s"].sum() ** 2 / variance / size
    t = np.sqrt((size - 1) * share / (1 - share))
    assert p[0, 0] == pytest.approx(2 * stats.t.sf(t, size - 1), rel=1e-6)
    assert strength[0, 0] == pytest.approx(abs(np.corrcoef(x, y)[0, 1]), rel=1e-6)


def test_few_clusters_left_are_not_tested():
    rng = np.random.default_rng(8)
    ids = pd.DataFrame({"week": np.arange(400) % 7, "item": np.arange(400) // 7})
    table = {"a": rng.normal(size=400), "b": rng.normal(size=400)}
    table |= {f"w{k}": per(rng, ids, "week") for k in range(3)}
    log = seen(table, ids, {f"w{k}": "week" for k in range(3)})
    assert p_of(log, "a", "b") > 0
    assert p_of(log, "a", "b", ("w0", "w1")) > 0
    assert np.isnan(p_of(log, "a", "b", ("w0", "w1", "w2")))


def test_ids_of_few_values_are_held_fixed_between_rows():
    rng = np.random.default_rng(11)
    wrong, found = 0, 0
    for _ in range(40):
        ids = crossed_log(rng, weeks=3, rows=800)
        a, b = (2 * per(rng, ids, "week") + per(rng, ids, "user") + rng.normal(size=len(ids)) for _ in "ab")
        test = Asked(seen({"a": a, "b": b, "c": a + rng.normal(size=len(ids))}, ids, {}))
        wrong += test.p("a", "b") < 0.1
        found += test.p("a", "c", ("b",)) < 0.01
    assert wrong <= 9 and found == 40
    (place,) = routes(seen({"a": a, "b": b}, ids, {}), ("a", "b")).places
    assert place.by == ("item", "user") and place.said == "by row, clustered by item and user, within each week"


def test_discrete_rows_of_a_log_are_compared_by_cluster():
    rng = np.random.default_rng(9)
    false, true = 0, 0
    for _ in range(25):
        ids = crossed_log(rng, rows=1500)
        a, b = ((per(rng, ids, "user") + per(rng, ids, "item") + rng.normal(size=len(ids)) > 0) * 1 for _ in "ab")
        c = np.array(["x", "y", "z"])[a + (rng.random(len(ids)) < 0.5)]
        graph = PC(alpha=0.05).discover(seen({"a": a, "b": b, "c": c}, ids, {}))
        false += graph.edge("a", "b") is not None
        true += graph.edge("a", "c") is not None
        assert any("not by G²" in note for note in graph.notes)
    assert false <= 4 and true == 25


@pytest.mark.parametrize("kind", ["continuous", "binary"])
def test_weights_count_as_rows_that_repeat(kind):
    rng = np.random.default_rng(10)
    ids = crossed_log(rng, rows=300)
    a = rng.normal(size=len(ids))
    table = pd.DataFrame({"a": a, "b": a + rng.normal(size=len(ids)), "c": rng.normal(size=len(ids))})
    table = table if kind == "continuous" else (table > 0).astype(int)
    weights = rng.integers(0, 4, len(ids)).astype(float)
    columns = tuple(Column(n, "covariate", kind) for n in table)
    for units, levels in ((pd.DataFrame(), {}), (ids, {}), (ids.assign(shop=1), {"c": ("user",)})):
        if levels:
            table = table.assign(c=per(rng, ids, "user"))
        weighted = Variables(table, columns, levels, units, weights=weights)
        pairs = [("a", "b", ()), ("a", "b", ("c",)), ("a", "c", ("b",))]
        got = [p_of(weighted, *pair) for pair in pairs]
        assert got == pytest.approx([p_of(weighted.repeated(), *pair) for pair in pairs], rel=1e-4)
        assert got != pytest.approx([p_of(replace(weighted, weights=None), *pair) for pair in pairs], rel=1e-3)


def test_products_are_held_some_at_a_time(monkeypatch):
    rng = np.random.default_rng(12)
    ids = crossed_log(rng, rows=500)
    table = {n: np.array(["p", "q", "r", "s"])[rng.integers(0, 4, len(ids))] for n in "ab"}
    log = seen(table | {"c": rng.normal(size=len(ids))}, ids, {})
    at_once = p_of(log, "a", "b", ("c",))
    monkeypatch.setattr(_cluster_score, "MOST_CELLS", 1500)
    assert p_of(log, "a", "b", ("c",)) == pytest.approx(at_once)


def test_rows_of_one_cluster_alone_are_said_to_be_taken_as_independent():
    table = dict(zip("ab", np.random.default_rng(0).normal(size=(2, 60)), strict=True))
    graph = PC().discover(seen(table, pd.DataFrame({"user": [1] * 60}), {}, clusters=("user",)))
    assert "all rows are of one user, and taken as independent" in graph.notes
    PC().discover(seen(table, pd.DataFrame(), {}, clusters=("user",)))  # no ids at all
