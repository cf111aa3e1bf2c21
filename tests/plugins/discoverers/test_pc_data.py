"""PC on unfit columns, missing numbers, weights, and numbers beside categories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.discoverers._missing_values import KnownZ
from causalkit_plugins.discoverers._residuals import Cells, Residuals
from causalkit_plugins.discoverers._test_choice import choose
from causalkit_plugins.discoverers.pc import PC
from scipy import stats

from causalkit.errors import DataError
from causalkit.types import Column, Variables


def chain(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=rows)
    b = a + rng.normal(size=rows)
    return pd.DataFrame({"a": a, "b": b, "c": b + rng.normal(size=rows), "d": rng.normal(size=rows)})


def seen(table: pd.DataFrame, **more) -> Variables:
    def kind(column: pd.Series) -> str:
        if not pd.api.types.is_numeric_dtype(column):
            return "categorical"
        return "binary" if set(column.dropna().unique()) <= {0, 1} else "continuous"

    return Variables(table, tuple(Column(n, "covariate", kind(table[n])) for n in table), **more)


def p_of(variables: Variables, a: str, b: str, given: tuple[str, ...] = (), test: str = "auto") -> float:
    columns, found = choose(variables, test)
    place = columns.names.index
    return float(found(place(a), np.array([[place(s) for s in given]], np.intp), np.array([place(b)]))[0, 0])


def edges(graph) -> set[str]:
    return {"".join(sorted((e.source, e.target))) for e in graph}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308, -1e308])
def test_fault_30_missing_infinite_and_huge_numbers(bad):
    table = chain()
    table.loc[::50, "d"] = bad
    if np.isinf(bad):
        with pytest.raises(DataError, match=r"infinite in d \(12\)"):
            PC().discover(seen(table))
        return
    graph = PC().discover(seen(table))
    assert edges(graph) == {"ab", "bc"}
    assert all(np.isfinite([e.confidence, e.strength]).all() for e in graph)
    assert all(np.isfinite(s.p_value) for s in graph.separations)
    assert any("missing numbers: d (12)" in note for note in graph.notes) == bool(np.isnan(bad))


def test_fault_31_constant_duplicate_and_collinear_columns():
    table = chain().assign(flat=2.0, empty=np.nan, twin=lambda t: 3 - t["d"], total=lambda t: t["a"] + t["c"])
    graph = PC().discover(seen(table))
    notes = " | ".join(graph.notes)
    assert "not tested, constant: empty, flat" in notes
    assert "twin follows from d" in notes and "total follows from a, c" in notes
    assert edges(graph) == {"ab", "bc"} and set(graph.nodes) == set(table)
    table["a"] = table["a"].where(np.arange(600) % 9 > 0)  # a copy with other rows missing is no exact copy
    table["again"] = table["a"].where(np.arange(600) % 7 > 0)
    assert PC().discover(seen(table)).nodes == tuple(table)


@pytest.mark.parametrize("rows", [0, 1, 2, 4])
def test_fault_36_fewer_rows_than_columns(rows):
    with pytest.raises(DataError, match=f"{rows} rows for 4 columns"):
        PC().discover(seen(chain().iloc[:rows]))
    heavy = seen(chain().iloc[:3], weights=np.array([40.0, 30.0, 20.0]))  # 90 rows, three of which differ
    assert PC().discover(heavy).nodes == tuple("abcd")


@pytest.mark.parametrize("what", ["numbers", "words", "missing", "units", "tables"])
def test_fault_40_columns_permuted_give_the_same_graph(what):
    rng = np.random.default_rng(3)
    table, more = chain(400, 1), {}
    if what == "words":
        table["e"] = np.where(table["b"] + rng.normal(size=400) > 0, "yes", "no")
        table["f"] = np.array(["p", "q", "r"])[rng.integers(0, 3, 400)]
    if what == "missing":
        table = table.where(rng.random(table.shape) > 0.1)
    if what == "tables":
        table = (table > 0).astype(int)
    if what == "units":
        week = np.arange(400) // 10
        table["rain"] = rng.normal(size=40)[week]
        more = {"units": pd.DataFrame({"week": week, "item": np.arange(400) % 10}), "levels": {"rain": ("week",)}}
    first = PC(alpha=0.1).discover(seen(table, **more))
    assert len(first.edges) >= 2
    for _ in range(4):
        again = PC(alpha=0.1).discover(seen(table[list(rng.permutation(table.columns))], **more))
        assert again.edges == first.edges
        assert again.separations == first.separations


@pytest.mark.parametrize("weighted", [False, True])
def test_each_test_takes_the_rows_that_know_its_columns(weighted):
    rng = np.random.default_rng(4)
    values = chain(80, 2).to_numpy().copy()
    values[rng.random(values.shape) < 0.2] = np.nan
    frequencies = rng.integers(1, 4, 80) if weighted else np.ones(80, int)
    p, r = KnownZ(values, frequencies.astype(float)).measured(0, np.array([[1]]), np.array([2, 3]))
    values = np.repeat(values, frequencies, axis=0)
    for at, j in enumerate((2, 3)):
        known = values[~np.isnan(values[:, [0, 1, j]]).any(axis=1)]
        precision = np.linalg.inv(np.corrcoef(known[:, [0, 1, j]].T))
        expected = abs(precision[0, 2]) / np.sqrt(precision[0, 0] * precision[2, 2])
        assert r[0, at] == pytest.approx(expected, rel=1e-6)
        z = np.sqrt(len(known) - 4) * np.arctanh(expected)
        assert p[0, at] == pytest.approx(2 * stats.norm.sf(z), rel=1e-5)


def test_missing_numbers_cost_no_size_and_little_power():
    rng = np.random.default_rng(6)
    wrong = found = 0
    for seed in range(100):
        table = chain(200, seed)
        table = table.where(rng.random(table.shape) > 0.25)
        wrong += p_of(seen(table), "a", "c", ("b",)) < 0.1
        found += p_of(seen(table), "a", "b", ("d",)) < 0.01
    assert 3 <= wrong <= 20
    assert found >= 98


def test_rows_with_missing_numbers_can_be_left_out_or_refused():
    table = chain()
    table.loc[:29, "d"] = np.nan
    graph = PC(missing="rows").discover(seen(table))
    assert "30 rows with missing numbers were left out" in graph.notes
    whole = PC().discover(seen(table.iloc[30:]))
    assert graph.edges == whole.edges
    with pytest.raises(DataError, match=r"missing in d \(30\)"):
        PC(missing="refuse").discover(seen(table))
    assert PC(missing="refuse").discover(seen(table.fillna(0))).nodes == tuple(table)


def test_a_table_with_missing_values_has_the_rows_that_know_its_columns():
    rng = np.random.default_rng(7)
    table = (chain(500, 3) > 0).astype(float)
    table = table.where(rng.random(table.shape) > 0.2)
    kept = table[["a", "b"]].dropna()
    counts = pd.crosstab(kept["a"], kept["b"])
    expected = stats.chi2_contingency(counts, correction=False, lambda_="log-likelihood").pvalue
    assert p_of(seen(table), "a", "b") == pytest.approx(expected)
    assert p_of(seen(table), "a", "c", ("b",)) == pytest.approx(
        p_of(seen(table[["a", "b", "c"]].dropna()), "a", "c", ("b",))
    )


@pytest.mark.parametrize("weights", [np.ones(3), np.full(600, np.nan), np.full(600, -1.0)])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(DataError, match="weights"):
        PC().discover(seen(chain(), weights=weights))


def test_ids_of_other_rows_are_refused():
    with pytest.raises(DataError, match="5 rows of ids for 600 rows"):
        PC().discover(seen(chain(), units=pd.DataFrame({"week": range(5)}), levels={"a": ("week",)}))


def test_chi_squared_is_pearsons():
    table = (chain(300, 4) > 0).astype(int)[["a", "d"]]
    expected = stats.chi2_contingency(pd.crosstab(table["a"], table["d"]), correction=False)
    (told,) = PC(statistic="chi2", alpha=1e-9).discover(seen(table)).separations
    assert told.p_value == pytest.approx(expected.pvalue)
    assert PC(statistic="g2", alpha=1e-9).discover(seen(table)).separations[0].p_value != pytest.approx(expected.pvalue)


def logistic_pair(rng: np.random.Generator, rows: int = 1500, between: float = 0.0) -> pd.DataFrame:
    """Two categories that hang on one number, and one on the other by log odds `between`."""
    taste = rng.normal(size=rows)
    member = (rng.random(rows) < 1 / (1 + np.exp(1 - 2 * taste))).astype(int)
    steps = sum((rng.random(rows) < 1 / (1 + np.exp(-2 * taste - between * member + c))).astype(int) for c in (-1, 1))
    return pd.DataFrame({"taste": taste, "member": member, "device": np.array(["desk", "phone", "tablet"])[steps]})


def test_categories_that_hang_on_a_number_are_independent_given_it():
    rng = np.random.default_rng(8)
    mixed = indicators = found = 0
    for _ in range(40):
        table = seen(logistic_pair(rng))
        mixed += p_of(table, "member", "device", ("taste",)) < 0.05
        indicators += p_of(table, "member", "device", ("taste",), "gaussian") < 0.05
        found += p_of(seen(logistic_pair(rng, between=0.8)), "member", "device", ("taste",)) < 0.05
    assert mixed <= 6
    assert indicators >= 10  # a share is no line of a number
    assert found >= 36


def test_residuals_by_strata_lines_and_logistic_curves():
    rng = np.random.default_rng(9)
    rows = 4000
    x, group = rng.normal(size=rows), rng.integers(0, 3, rows)
    chosen = (rng.random(rows) < 1 / (1 + np.exp(-(1.5 * x - 0.5)))).astype(float)
    shown = np.asarray(group[:, None] == [1, 2], float)
    values = np.column_stack([x, chosen, shown])
    cells = Cells(values, [np.array([0]), np.array([1]), np.array([2, 3])], [None, chosen.astype(np.intp), group])
    left = Residuals(cells)
    truth = 1 / (1 + np.exp(-(1.5 * x - 0.5)))
    assert np.abs(chosen - left(1, np.array([0]))[:, 0] - truth).mean() < 0.02
    by_group = left(1, np.array([2]))[:, 0]
    assert [by_group[group == g].mean() for g in range(3)] == pytest.approx([0, 0, 0], abs=1e-12)
    assert left(2, np.array([0])).shape == (rows, 3)  # a column for each level
    line = left(0, np.array([1, 2]))[:, 0]
    assert values[:, 1:].T @ line == pytest.approx(np.zeros(3), abs=1e-4)


def test_a_separable_category_does_not_break_the_curve():
    x = np.linspace(-1, 1, 200)
    table = pd.DataFrame({"x": x, "above": (x > 0).astype(int), "coin": (np.arange(200) // 3) % 2, "w": np.sin(9 * x)})
    assert 0 <= p_of(seen(table), "above", "coin", ("x", "w")) <= 1


def test_notes_say_what_was_done():
    table = chain(200, 5)
    table["word"] = np.array(["u", "v", None], object)[np.arange(200) % 3]
    graph = PC().discover(seen(table))
    assert graph.nodes == tuple(table)
    assert not any("missing" in note for note in graph.notes)  # a missing word is a category
