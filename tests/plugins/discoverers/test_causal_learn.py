"""causal-learn behind our types: its searches, what is done to knowledge, and its failures in our words."""

from __future__ import annotations

import random
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.discoverers._causal_learn_mending import mend_latent, mend_sufficient
from causalkit_plugins.discoverers.causal_learn import CausalLearn

from causalkit.components import Context
from causalkit.errors import BudgetReached, DataError, Interrupted
from causalkit.testing.checks._graphs import against, drawn_knowledge, edges_of, permuted, renamed
from causalkit.testing.worlds.graph import graph_world
from causalkit.types import Column, Edge, Knowledge, Variables

METHODS = ("pc", "fci", "ges", "grasp", "boss", "exact", "direct-lingam", "ica-lingam")


def table(**columns: object) -> Variables:
    frame = pd.DataFrame(columns)
    kinds = {n: "categorical" if frame[n].dtype.kind not in "fi" else "continuous" for n in frame}
    return Variables(frame, tuple(Column(str(n), "covariate", kinds[n]) for n in frame))  # type: ignore[arg-type]


def numbers(rows: int = 300, **more: object) -> Variables:
    rng = np.random.default_rng(0)
    a = rng.normal(size=rows)
    b = a + rng.normal(size=rows)
    return table(a=a, b=b, c=b + rng.normal(size=rows), **more)


def test_import_costs_nothing_until_it_is_used():
    code = (
        "import sys, causalkit_plugins.discoverers.causal_learn as m; m.CausalLearn();"
        "print([n for n in sys.modules if n.split('.')[0] in ('causallearn', 'scipy', 'sklearn', 'torch')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_fci_finds_a_hidden_cause_and_says_that_it_allows_for_such():
    graph = CausalLearn().discover(graph_world("hidden-cause").variables)
    assert graph.latent
    assert graph.edge("bought", "shown").mark == "<->"
    assert graph.edge("coupon", "shown").mark == "o->"
    assert graph.edge("bought", "rated") == Edge("bought", "rated", "->", 1.0, *_rest(graph, "bought", "rated"))


def _rest(graph, a, b):
    edge = graph.edge(a, b)
    return edge.evidence, edge.strength


def test_lingam_tells_every_direction_where_noise_is_not_gaussian():
    world = graph_world("skewed", 1)
    for method in ("direct-lingam", "ica-lingam"):
        assert edges_of(CausalLearn(method=method).discover(world.variables)) == edges_of(world.graph), method


def test_lingam_says_where_noise_looks_gaussian():
    notes = CausalLearn(method="direct-lingam").discover(graph_world("gaussian").variables).notes
    assert any("looks Gaussian" in note and "shown" in note for note in notes)


@pytest.mark.parametrize("method", METHODS)
def test_neither_order_nor_names_of_columns_change_the_graph(method):
    variables = graph_world("skewed").variables
    found = edges_of(CausalLearn(method=method).discover(variables))
    assert found
    for seed in (1, 2):
        for turned in (permuted(variables, seed, rows=False), permuted(variables, seed, rows=True)):
            assert edges_of(CausalLearn(method=method).discover(turned)) == found
    other, old = renamed(variables)
    again = CausalLearn(method=method).discover(other)
    assert {frozenset((old[e.source], old[e.target])) for e in again} == {frozenset((a, b)) for a, _, b in found}


@pytest.mark.parametrize("method", METHODS)
def test_knowledge_is_never_violated(method):
    variables = graph_world("skewed").variables
    for seed in range(8):
        known = drawn_knowledge(variables.names, seed)
        graph = CausalLearn(method=method).discover(variables, known)
        assert not list(against(graph, known)), (method, seed)
        assert all(any(v.source == "knowledge" for v in graph.edge(*pair).evidence) for pair in known.required)


def test_what_is_turned_or_dropped_is_said():
    edges = {("a", "b"): "->", ("b", "c"): "--", ("c", "d"): "->"}
    known = Knowledge({"a": 1, "b": 0}, frozenset(), frozenset({("c", "d"), ("d", "c")}))
    kept, notes = mend_sufficient(edges, known, list(edges))
    assert kept == {("b", "a"): "->", ("b", "c"): "--"}
    assert any("turned" in n and "a and b" in n for n in notes)
    assert any("dropped" in n and "c and d" in n for n in notes)


def test_required_edges_win_over_cycles_of_the_data():
    edges = {("a", "b"): "->", ("b", "c"): "->"}
    kept, notes = mend_sufficient(edges, Knowledge(required=frozenset({("c", "a")})), list(edges))
    assert kept == {("c", "a"): "->", ("a", "b"): "->", ("c", "b"): "->"}
    assert notes
    latent, notes = mend_latent(edges, Knowledge(required=frozenset({("c", "a")})))
    assert latent[("c", "a")] == "->"
    assert "->" not in {latent.get(("a", "b")), latent.get(("b", "c"))} or notes


def test_not_a_cause_is_not_an_effect_where_causes_may_hide():
    """What causal-learn itself reads out of a tier (b -> a) is more than is known: a hidden cause would do."""
    known = Knowledge({"a": 1, "b": 0})
    assert mend_latent({("a", "b"): "o-o"}, known)[0] == {("b", "a"): "o->"}
    assert mend_latent({("a", "b"): "->"}, known) == (
        {("b", "a"): "o->"},
        ["no longer read as a cause, since knowledge rules it out: a and b"],
    )
    both = Knowledge(forbidden=frozenset({("a", "b"), ("b", "a")}))
    assert mend_latent({("a", "b"): "o-o"}, both)[0] == {("a", "b"): "<->"}


def test_arrowheads_that_are_known_orient_on():
    """a o-> b o-o c with a and c apart: b is no collider, so b -> c."""
    edges = {("a", "b"): "o-o", ("b", "c"): "o-o"}
    mended, _ = mend_latent(edges, Knowledge({"a": 0, "b": 1}))
    assert mended == {("a", "b"): "o->", ("b", "c"): "->"}


@pytest.mark.parametrize("method", METHODS)
def test_constant_and_collinear_columns_are_named_and_left_out(method):
    made = numbers()
    more = numbers(flat=1.0, twice=2 * made.table["a"], sum=made.table["a"] - made.table["b"])
    graph = CausalLearn(method=method).discover(more)
    told = " ".join(graph.notes)
    assert set(graph.nodes) == set(more.names)
    assert "flat" in told
    assert "sum" in told
    assert "twice" in told
    assert not any({e.source, e.target} & {"flat", "sum", "twice"} for e in graph)


@pytest.mark.parametrize("method", METHODS)
def test_what_it_cannot_take_is_refused_by_name(method):
    component = CausalLearn(method=method)
    with pytest.raises(DataError, match="6 rows for 3 columns"):
        component.discover(numbers(6))
    holes = np.where(np.arange(300) % 7, 1.0 * np.arange(300), np.nan)
    with pytest.raises(DataError, match=r"missing or infinite in holes \(43\)"):
        component.discover(numbers(holes=holes))
    with pytest.raises(DataError, match=r"missing or infinite in end \(1\)"):
        component.discover(numbers(end=[np.inf, *range(299)]))
    with pytest.raises(DataError, match=r"words without an order: town"):
        component.discover(numbers(town=["a", "b", "c"] * 100))
    lost = ["a", None] * 150
    with pytest.raises(DataError, match=r"missing or infinite in lost \(150\)"):
        component.discover(numbers(lost=lost))


def test_words_can_be_left_out_and_then_nothing_is_claimed():
    component = CausalLearn(words="leave-out")
    graph = component.discover(numbers(town=["a", "b", "c"] * 100))
    assert any("town" in note for note in graph.notes)
    assert component.assumes is None


def test_discrete_tests_refuse_numbers_by_name():
    with pytest.raises(DataError, match="these are not: a, b, c"):
        CausalLearn(test="gsq").discover(numbers())
    with pytest.raises(DataError, match="these are not: a, b, c"):
        CausalLearn(method="ges", score="bdeu").discover(numbers())


def test_two_discrete_columns_cannot_be_scored_by_its_bdeu():
    rng = np.random.default_rng(0)
    two = table(a=rng.integers(0, 2, 99) > 0, b=rng.integers(0, 2, 99) > 0)
    with pytest.raises(DataError, match="divides by zero"):
        CausalLearn(method="ges").discover(two)
    assert not CausalLearn().discover(two).edges


def test_one_column_is_a_graph_without_edges():
    assert CausalLearn(method="boss").discover(table(a=np.arange(9.0))).nodes == ("a",)


def test_a_failure_inside_is_ours_with_its_words(monkeypatch):
    """Rounding can leave a matrix that cannot be inverted; whatever it raises is named."""
    from causallearn.search.ScoreBased import GES

    monkeypatch.delattr(GES, "dag2cpdag")
    with pytest.raises(DataError, match=r"causal-learn's ges failed on 300 rows of a, b, c: NameError"):
        CausalLearn(method="ges").discover(numbers())


def test_too_many_columns_for_exact_search():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="17 columns, more than 16"):
        CausalLearn(method="exact").discover(table(**{f"x{i}": rng.normal(size=99) for i in range(17)}))


@pytest.mark.parametrize("method", ["pc", "fci", "ges", "grasp", "boss", "exact", "direct-lingam"])
def test_it_stops_midway_and_after_its_time(method):
    variables = graph_world("skewed").variables
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(Interrupted):
        CausalLearn(method=method).discover(variables, context=Context(cancelled=cancelled))
    with pytest.raises(BudgetReached, match="max_seconds = 1e-06"):
        CausalLearn(method=method, max_seconds=1e-6).discover(variables)
    assert CausalLearn(method=method).discover(variables).edges  # what was watched is as it was


@pytest.mark.parametrize("method", METHODS)
def test_nothing_gets_out(method, capfd):
    """No print, no warning, and the process's own random numbers go on as if nothing had happened."""
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    expected = np.random.random(), random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        CausalLearn(method=method).discover(numbers(), Knowledge({"a": 0, "b": 1, "c": 2}))
    assert (np.random.random(), random.random()) == expected  # noqa: NPY002
    assert not warned
    assert capfd.readouterr() == ("", "")


def test_fishers_z_counts_units_and_other_searches_say_that_they_do_not():
    rng = np.random.default_rng(0)
    false = 0
    for _ in range(100):
        week, shown = np.repeat(np.arange(20), 50), rng.normal(size=1000)
        fixed = {"coin": rng.normal(size=20)[week], "weather": rng.normal(size=20)[week]}
        made = table(**fixed, shown=shown)
        made = Variables(made.table, made.columns, dict.fromkeys(fixed, ("week",)), pd.DataFrame({"week": week}))
        false += CausalLearn(alpha=0.05).discover(made).edge("coin", "weather") is not None
    assert false <= 12
    notes = CausalLearn(method="ges").discover(made).notes
    assert any("rows counted as independent" in note and "coin (20)" in note for note in notes)


def test_separating_sets_separate():
    graph = CausalLearn(method="pc").discover(graph_world("tiered").variables)
    found = {(s.a, s.b): s for s in graph.separations}
    assert found["bought", "taste"].p_value > 0.01
    assert found["bought", "taste"].given
    assert len(found) + len(graph.edges) == 10
