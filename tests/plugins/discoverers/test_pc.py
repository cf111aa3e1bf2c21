"""PC on data: against a slow, obvious reference, under knowledge, and on unfit columns."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.discoverers._gaussian import WilksLambda
from causalkit_plugins.discoverers._routes import routes
from causalkit_plugins.discoverers.pc import PC
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from causalkit.context import Context
from causalkit.errors import ConfigError, DataError, Interrupted, InvalidParameter
from causalkit.types import Column, Knowledge, Variables


def linear_world(size: int, rows: int, seed: int, degree: float = 2.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.random((size, size)) < degree / (size - 1), 1) * rng.uniform(0.4, 1, (size, size))
    values = rng.normal(size=(rows, size))
    for j in range(size):
        values[:, j] += values @ weights[:, j]
    return pd.DataFrame(values, columns=[f"x{i}" for i in rng.permutation(size)])


def discrete_world(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 3, rows)
    b = rng.integers(0, 2, rows)
    c = (a + b + (rng.random(rows) < 0.3)) % 3
    d = np.where(rng.random(rows) < 0.8, c > 0, rng.random(rows) < 0.5).astype(int)
    return pd.DataFrame({"a": a, "b": b, "c": c, "d": d, "e": rng.integers(0, 2, rows)})


def gappy_world(rows: int, seed: int) -> pd.DataFrame:
    """Levels of `s` and `t` that never meet: of their strata, several are empty."""
    rng = np.random.default_rng(seed)
    s = rng.integers(0, 3, rows)
    t = np.where(s == 2, rng.integers(0, 3, rows), s)
    noise = rng.random((2, rows)) < 0.5
    a, b = (np.where(one, rng.integers(0, 3, rows), (s + t) // 2) for one in noise)
    return pd.DataFrame({"s": s, "t": t, "a": a, "b": b})


def variables(table: pd.DataFrame, kind: str = "continuous", **more) -> Variables:
    return Variables(table, tuple(Column(name, "covariate", kind) for name in table), **more)


def partial_p(table: pd.DataFrame, a: str, b: str, given: tuple[str, ...]) -> float:
    precision = np.linalg.inv(np.corrcoef(table[[a, b, *given]].to_numpy().T))
    r = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
    return 2 * stats.norm.sf(np.sqrt(len(table) - len(given) - 3) * np.arctanh(abs(r)))


def g_squared_p(table: pd.DataFrame, a: str, b: str, given: tuple[str, ...]) -> float:
    statistic = freedom = 0.0
    for _, rows in table.groupby(list(given)) if given else [((), table)]:
        counts = pd.crosstab(rows[a], rows[b]).to_numpy()
        expected = counts.sum(1, keepdims=True) * counts.sum(0) / counts.sum()
        seen = counts > 0
        statistic += 2 * (counts[seen] * np.log(counts[seen] / expected[seen])).sum()
        freedom += (counts.shape[0] - 1) * (counts.shape[1] - 1)
    return stats.chi2.sf(statistic, freedom)


def reference(table: pd.DataFrame, p_of, alpha: float):
    """PC-stable's skeleton, one test at a time; separators of greatest p, and the p that edges survived."""
    names = sorted(table)
    near = {a: set(names) - {a} for a in names}
    apart: dict[frozenset[str], tuple[float, frozenset[str]]] = {}
    survived: dict[frozenset[str], float] = {}
    for level in range(len(names)):
        best: dict[frozenset[str], tuple[float, frozenset[str]]] = {}
        for a in names:
            for b in near[a]:
                for held in itertools.combinations(sorted(near[a] - {b}), level):
                    pair, p = frozenset((a, b)), p_of(table, a, b, held)
                    best[pair] = max(best.get(pair, (-1.0, frozenset())), (p, frozenset(held)), key=lambda x: x[0])
        for pair, (p, held) in best.items():
            if p > alpha:
                apart[pair] = (p, held)
                a, b = pair
                near[a].discard(b)
                near[b].discard(a)
            else:
                survived[pair] = max(survived.get(pair, 0.0), p)
    return near, apart, survived


@pytest.mark.parametrize(
    ("table", "p_of", "kind"),
    [
        (linear_world(8, 400, 1), partial_p, "continuous"),
        (linear_world(9, 300, 2, 3.5), partial_p, "continuous"),
        (discrete_world(600, 3), g_squared_p, "categorical"),
        (gappy_world(2000, 4), g_squared_p, "categorical"),
    ],
    ids=["gaussian", "gaussian-dense", "discrete", "discrete-gaps"],
)
def test_skeleton_separators_and_confidence_match_the_reference(table, p_of, kind):
    graph = PC(alpha=0.05, statistic="g2", max_k=None).discover(variables(table, kind))
    near, apart, survived = reference(table, p_of, 0.05)
    assert {frozenset((e.source, e.target)) for e in graph} == {frozenset((a, b)) for a in near for b in near[a]}
    assert {frozenset((s.a, s.b)) for s in graph.separations} == set(apart)
    for s in graph.separations:
        p, held = apart[frozenset((s.a, s.b))]
        assert s.p_value == pytest.approx(p, rel=1e-6)
        assert frozenset(s.given) == held
    for edge in graph:
        p = survived[frozenset((edge.source, edge.target))]
        assert edge.confidence == pytest.approx(1 - p)
        assert edge.evidence[0].source == "data"
        assert edge.evidence[0].p_value == pytest.approx(p, rel=1e-5, abs=1e-12)


def test_a_collider_is_oriented_and_a_chain_is_not():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, 2000))
    c = a + b + rng.normal(size=2000)
    d = c + rng.normal(size=2000)
    graph = PC().discover(variables(pd.DataFrame({"a": a, "b": b, "c": c, "d": d})))
    assert {str(e) for e in graph} == {"a -> c", "b -> c", "c -> d"}
    chain = PC().discover(variables(pd.DataFrame({"a": a, "c": c, "d": d})))
    assert {e.mark for e in chain} == {"--"}


@pytest.mark.parametrize("rule", ["majority", "conservative", "max-p"])
@pytest.mark.parametrize("kind", ["continuous", "categorical"])
def test_column_order_plays_no_part(rule, kind):
    table = linear_world(9, 250, 5, 4.0) if kind == "continuous" else discrete_world(300, 5)
    rng = np.random.default_rng(6)
    first = PC(alpha=0.1, colliders=rule).discover(variables(table, kind))
    for _ in range(5):
        shuffled = table[list(rng.permutation(table.columns))]
        again = PC(alpha=0.1, colliders=rule).discover(variables(shuffled, kind))
        assert again.edges == first.edges
        assert again.separations == first.separations


NAMES = [f"x{i}" for i in range(6)]
PAIRS = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    tiers=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2)),
    required=st.frozensets(PAIRS, max_size=3),
    forbidden=st.frozensets(PAIRS, max_size=5),
    seed=st.integers(0, 20),
    rule=st.sampled_from(["majority", "conservative", "max-p"]),
)
def test_knowledge_is_never_violated(tiers, required, forbidden, seed, rule):
    known = Knowledge(tiers, required, forbidden)
    try:
        known.check(NAMES)
    except ConfigError:
        with pytest.raises(ConfigError):
            PC().discover(variables(linear_world(6, 80, seed)), known)
        return
    graph = PC(alpha=0.2, colliders=rule).discover(variables(linear_world(6, 80, seed, 3.0)), known)
    directed = {(e.source, e.target) for e in graph if e.mark == "->"}
    assert required <= directed
    for edge in graph:
        assert known.allows(edge.source, edge.target)
        assert edge.mark == "->" or known.allows(edge.target, edge.source)
        sources = {e.source for e in edge.evidence}
        assert ("knowledge" in sources) == (not known.allows(edge.target, edge.source))
    for s in graph.separations:
        assert known.allows(s.a, s.b) or known.allows(s.b, s.a)
    assert nx.is_directed_acyclic_graph(graph.directed())


def test_tiers_of_the_columns_are_used_and_those_of_absent_columns_left_aside():
    table = linear_world(3, 500, 7)[["x0", "x1"]].assign(x1=lambda t: t["x0"] + t["x1"])
    columns = (Column("x0", "covariate", tier=1), Column("x1", "covariate", tier=0))
    graph = PC().discover(Variables(table, columns), Knowledge(tiers={"elsewhere": 3}))
    assert [str(e) for e in graph] == ["x1 -> x0"]
    with pytest.raises(ConfigError, match="elsewhere"):
        PC().discover(Variables(table, columns), Knowledge(required=frozenset({("elsewhere", "x0")})))


@pytest.mark.parametrize("kind", ["continuous", "binary", "mixed"])
def test_a_noise_column_is_accepted_as_independent_at_about_the_nominal_rate(kind):
    rng = np.random.default_rng(8)
    rejected = tried = 0
    for seed in range(60):
        table = linear_world(5, 300, seed)
        if kind == "binary":
            table = (table > 0).astype(int)
        if kind == "mixed":
            table["x0"] = pd.Series(pd.cut(table["x0"], 4).astype(str))
        table["noise"] = rng.normal(size=300) if kind != "binary" else rng.integers(0, 2, 300)
        graph = PC(alpha=0.1, max_k=0).discover(variables(table, "binary" if kind == "binary" else "continuous"))
        rejected += sum("noise" in (e.source, e.target) for e in graph)
        tried += 5
    assert 0.06 < rejected / tried < 0.145


def test_repeated_values_are_not_counted_as_rows():
    rng = np.random.default_rng(9)
    edges = {"units": 0, "rows": 0}
    week, item = np.divmod(np.arange(40 * 25), 25)
    units = pd.DataFrame({"week": week, "item": item})
    for _ in range(60):
        table = pd.DataFrame(rng.normal(size=(40, 2))[week], columns=["rain", "holiday"])
        table["sales"] = rng.normal(size=len(table))
        levels = {"rain": ("week",), "holiday": ("week",), "sales": ("week", "item")}
        aware = variables(table, levels=levels, units=units)
        edges["units"] += PC(alpha=0.05).discover(aware).edge("rain", "holiday") is not None
        edges["rows"] += PC(alpha=0.05).discover(variables(table)).edge("rain", "holiday") is not None
    assert edges["units"] <= 8
    assert edges["rows"] >= 30


def test_pairs_of_different_levels_are_compared_on_the_means_of_units():
    rng = np.random.default_rng(20)
    week, item = np.divmod(np.arange(30 * 40), 40)
    units = pd.DataFrame({"week": week, "item": item})
    levels = {"rain": ("week",), "brand": ("item",), "noise": ("item", "week"), "sales": ("week", "item")}
    rejected = found = 0
    for _ in range(60):
        rain, brand = rng.normal(size=30)[week], rng.normal(size=40)[item]
        noise = rng.normal(size=len(week))
        table = pd.DataFrame({"rain": rain, "brand": brand, "noise": noise})
        table["sales"] = 0.2 * rain + rng.normal(size=len(week))
        graph = PC(alpha=0.1, max_k=0).discover(variables(table, levels=levels, units=units))
        rejected += sum("noise" in (e.source, e.target) for e in graph)
        found += graph.edge("rain", "sales") is not None
        assert any("brand and rain" in note for note in graph.notes)  # the two are crossed by design
    assert 0.06 < rejected / 180 < 0.145
    assert found >= 55  # 30 weekly means see what 30 rows would not


def test_levels_that_others_fix_are_coarser():
    rng = np.random.default_rng(21)
    week = np.arange(480) // 10
    units = pd.DataFrame({"week": week, "month": week // 4})
    table = pd.DataFrame({"budget": rng.normal(size=12)[week // 4], "rain": rng.normal(size=48)[week]})
    levels = {"budget": ("month",), "rain": ("week",)}
    found = routes(variables(table, levels=levels, units=units), ("budget", "rain"))
    (place,) = {int(at) for at in found.of(0, np.array([1])).ravel()}
    assert found.places[place].ids == ("month",)
    assert found.places[place].unit.max() == 11


def test_discrete_counts_are_scaled_to_units():
    rng = np.random.default_rng(10)
    week = np.repeat(np.arange(40), 25)
    units = pd.DataFrame({"week": week, "item": np.tile(np.arange(25), 40)})
    found = 0
    for _ in range(60):
        table = pd.DataFrame(rng.integers(0, 2, (40, 2))[week], columns=["rain", "holiday"])
        levels = {"rain": ("week",), "holiday": ("week",)}
        found += bool(PC(alpha=0.05).discover(variables(table, "binary", levels=levels, units=units)).edges)
    assert found <= 9


def test_unordered_categories_are_tested_as_blocks():
    rng = np.random.default_rng(11)
    group = rng.integers(0, 4, 800)
    table = pd.DataFrame({"group": np.array(["n", "e", "s", "w"])[group]})
    table["load"] = np.array([0.0, 1.0, 0.0, 1.0])[group] + rng.normal(size=800)
    table["next"] = table["load"] + rng.normal(size=800)
    graph = PC().discover(variables(table))
    assert {frozenset((e.source, e.target)) for e in graph} == {
        frozenset(("group", "load")),
        frozenset(("load", "next")),
    }
    separation = graph.separations[0]
    assert separation.given == ("load",)


def test_many_levels_are_taken_together_and_named():
    rng = np.random.default_rng(12)
    table = pd.DataFrame({"store": [f"s{k}" for k in rng.integers(0, 30, 400)], "sales": rng.normal(size=400)})
    graph = PC().discover(variables(table))
    assert any("store: levels beyond the 11 most frequent" in note for note in graph.notes)


def test_constant_duplicate_and_collinear_columns_are_named():
    table = linear_world(4, 300, 13)
    table = table.assign(flat=1.0, copy=-2 * table["x1"] + 3, total=table["x0"] + table["x2"])
    frame = variables(table, treatment="copy")
    graph = PC().discover(frame)
    notes = " | ".join(graph.notes)
    assert "constant: flat" in notes
    assert "x1 follows from copy" in notes  # the treatment is kept, its copy is not
    assert "follows from" in notes.replace("x1 follows from copy", "")
    assert set(graph.nodes) == set(table)
    assert all("flat" not in (e.source, e.target) for e in graph)


def test_duplicate_discrete_columns_are_named():
    table = discrete_world(300, 14)
    table["twin"] = table["a"].map({0: "p", 1: "q", 2: "r"})
    graph = PC().discover(variables(table, "categorical"))
    assert any("twin says the same as a" in note for note in graph.notes)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_all_constant_or_few_columns_do_not_crash(count):
    table = pd.DataFrame({f"x{i}": np.ones(20) for i in range(3)})
    for i in range(count):
        table[f"x{i}"] = np.random.default_rng(i).normal(size=20)
    assert len(PC().discover(variables(table)).edges) == 0


def test_fewer_rows_than_columns_are_refused():
    with pytest.raises(DataError, match="5 rows for 8 columns"):
        PC().discover(variables(linear_world(8, 5, 15)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_missing_and_infinite_numbers_are_refused_by_name(bad):
    table = linear_world(4, 100, 16)
    table.loc[3, "x2"] = bad
    with pytest.raises(DataError, match=r"x2 \(1\)"):
        PC(missing="refuse").discover(variables(table))


def test_missing_categories_are_a_level_and_huge_numbers_do_not_overflow():
    table = linear_world(3, 100, 17)
    table["x0"] *= 1e307
    table["colour"] = ["red", None] * 50
    assert PC().discover(variables(table)).nodes == tuple(table)


def test_a_discrete_test_refuses_continuous_columns():
    with pytest.raises(DataError, match="x0, x1"):
        PC(test="discrete").discover(variables(linear_world(2, 50, 18, 1.0), "binary"))


def test_parameters_and_cancellation():
    with pytest.raises(InvalidParameter, match="alpha"):
        PC(alpha=2)
    with pytest.raises(Interrupted):
        PC().discover(variables(linear_world(4, 50, 19)), context=Context(cancelled=lambda: True))


def test_a_set_that_holds_every_target_of_its_level_is_no_test():
    """With one-hot columns at two levels, a set may be all that is left to test: nothing, not a crash."""
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(500, 4))
    test = WilksLambda(np.corrcoef(scores.T), [np.array([0]), np.array([1]), np.array([2, 3])], 500)
    found = test(0, np.array([[1]]), np.array([1]))
    assert found.shape == (1, 1) and np.isnan(found).all()


def test_progress_is_told_for_every_size_of_set():
    class Told:
        def __init__(self):
            self.labels = []

        def track(self, items, label, total):
            self.labels.append((label, total))
            return iter(items)

    told = Told()
    PC().discover(variables(linear_world(6, 400, 0)), context=Context(progress=told))
    assert [label for label, _ in told.labels][:2] == ["testing edges, given 0", "testing edges, given 1"]


def test_what_it_assumes_goes_by_the_test():
    both = {"sufficiency", "faithfulness"}
    assert PC().assumes == PC(test="gaussian").assumes == both | {"linear-gaussian"}
    assert PC(test="discrete").assumes == both | {"discrete"}
