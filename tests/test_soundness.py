"""What components give back is checked where it enters the frame: what is unsound is refused, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans

import causalkit as ck
from causalkit.errors import ComponentError
from causalkit.steps import soundness
from causalkit.steps.sound_effects import effects
from causalkit.types import (
    CausalGraph,
    Column,
    Edge,
    EffectFactors,
    Estimand,
    Explanation,
    Knowledge,
    Measurement,
    Ranking,
    Variables,
    Verdicts,
)

BY = "component 'mine' of my-plugin 1.0"


def refused(said):
    return pytest.raises(ComponentError, match=rf"component 'mine' of my-plugin 1.0 gave .*{said}")


@pytest.fixture(scope="module")
def log():
    return ck.build("dataset", "simulated", users=30, items=6, weeks=5).load()


@pytest.fixture(scope="module")
def fitted(log):
    return DifferenceInMeans().fit(log, Estimand("exposed", "bought", unit=("user",))).effects_


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.ones((3, 2)), "shape"),
        (np.ones(4), "shape"),
        (np.ones((4, 0)), "shape"),
        (np.ones((4, 2), int), "int"),
        (np.array([["a"]] * 4), "array of"),
        (None, "object"),
        (np.full((4, 2), np.nan), "4 of 4"),
        (np.full((4, 2), 1e300), "infinity"),
    ],
)
def test_vectors_are_finite_rows_of_floats(array, said):
    with refused(said):
        soundness.vectors(array, 4, BY)
    assert soundness.vectors(np.ones((4, 2)), 4, BY).dtype == np.float32


SEEN = Variables(pd.DataFrame({"a": [1.0], "b": [1.0]}), (Column("a", "covariate"), Column("b", "outcome")))


@pytest.mark.parametrize(
    ("graph", "known", "said"),
    [
        (CausalGraph(("a", "c")), Knowledge(), "node 'c'"),
        (CausalGraph(("a", "b"), (Edge("b", "a"),)), Knowledge(tiers={"a": 0, "b": 1}), "b -> a, which is ruled out"),
        (CausalGraph(("a", "b")), Knowledge(required=frozenset({("a", "b")})), "no a -> b, which is required"),
        (CausalGraph(("a", "b"), (Edge("a", "b", "=>"),)), Knowledge(), "mark is none of"),
        ("a -> b", Knowledge(), "a str"),
    ],
)
def test_a_graph_keeps_to_its_variables_and_to_what_is_known(graph, known, said):
    with refused(said):
        soundness.graph(graph, SEEN, known, BY)


def test_a_graph_that_leaves_a_direction_open_is_not_against_knowledge():
    open_edge = CausalGraph(("a", "b"), (Edge("b", "a", "--"),))
    assert soundness.graph(open_edge, SEEN, Knowledge(tiers={"a": 0, "b": 1}), BY) is open_edge
    assert soundness.graph(CausalGraph(("a",)), SEEN, Knowledge(required=frozenset({("a", "b")})), BY)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.iloc[1:], "no row for item"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "two rows for item"),
        (lambda t: t.rename(index={t.index[0]: "stranger"}), "no row for item"),
        (lambda t: pd.concat([t, t.iloc[:1].rename(index={t.index[0]: "stranger"})]), "does not have: item 'stranger'"),
        (lambda t: t.drop(columns=["p", "q"]), "without p, q"),
        (lambda t: t.assign(effect=np.inf), "infinite"),
        (lambda t: t.assign(stderr=np.nan), "without standard errors"),
        (lambda t: t.assign(stderr=-1.0), "negative standard error"),
        (lambda t: t.assign(lower=t["upper"], upper=t["lower"]), "an interval from"),
        (lambda t: t.assign(lower=t["upper"] + 1, upper=t["upper"] + 2), "for an effect of"),
        (lambda t: t.assign(lower=np.nan), "an interval from nan"),
        (lambda t: t.assign(effect=np.nan, reason=""), "neither effect nor reason"),
        (lambda t: t.assign(effect="much"), "columns that hold no plain numbers"),
        (lambda t: t.to_dict(), "a dict as `item`"),
    ],
)
def test_an_item_table_is_whole(log, fitted, change, said):
    with refused(said):
        effects(replace(fitted, item=change(fitted.item)), log, BY)


def test_sound_effects_pass_and_the_reason_may_stand_for_the_effect(log, fitted):
    assert effects(fitted, log, BY) is fitted
    unread = fitted.item.assign(effect=np.nan, stderr=np.nan, lower=np.nan, upper=np.nan, reason="too few rows")
    effects(replace(fitted, item=unread), log, BY)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"segment": pd.DataFrame({"item": ["a"]})}, "segment effects without segment"),
        ({"pair": pd.DataFrame({"user": ["u"], "item": ["a"], "effect": [1.0], "stderr": [np.nan]})}, "of a pair"),
        ({"factors": (np.ones((2, 3)), np.ones((1, 2)))}, "factors of 3 and 2 dimensions"),
        ({"factors": (np.ones((3, 2)), np.ones((1, 2)))}, "factors of shapes"),
        ({"factors": (np.full((2, 2), np.nan), np.ones((1, 2)))}, "factors with NaN"),
    ],
)
def test_segments_pairs_and_factors_are_whole(log, fitted, change, said):
    if "factors" in change:
        users, items = change["factors"]
        change = {"factors": EffectFactors(pd.Index(["u", "v"]), users, pd.Index(["a"]), items)}
    with refused(said):
        effects(replace(fitted, **change), log, BY)


def read(**changes):
    item = pd.DataFrame({"estimate": [0.1], "stderr": [0.1], "p": [0.3]}, index=["a"])
    made = Verdicts("mine", "software-check", "x", item, 0.1, 0.0, 0.2, 0, 1, 0, "fine")
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (read(sort="falsification"), "verdicts of the sort 'falsification'"),
        (read(item=read().item.assign(p=1.5)), "a p-value of 1.5"),
        (read(item=read().item.drop(columns="p")), "without p"),
        (read(item=pd.concat([read().item] * 2)), "two readings"),
        (None, "None"),
    ],
)
def test_verdicts_are_of_the_sort_declared_with_p_values(verdicts, said):
    with refused(said):
        soundness.verdicts(verdicts, "software-check", BY)
    assert soundness.verdicts(read(), "software-check", BY)


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (0.5, "a float"),
        (Measurement("m", float("inf")), "inf"),
        (Measurement("m", float("nan")), "NaN without a note"),
        (Measurement("m", 0.5, 0.9, 0.1), "from 0.9 to 0.1"),
        (Measurement("m", "0.5"), "finite numbers|value, lower"),
    ],
)
def test_a_measurement_is_a_number_or_says_why_not(measured, said):
    with refused(said):
        soundness.measurement(measured, BY)
    assert soundness.measurement(Measurement("m", float("nan"), note="nothing held out"), BY)


def test_an_explanation_is_of_what_was_asked():
    table = pd.DataFrame({"scope": ["overall"], "who": [""], "item": ["a"]})
    with refused("no text for 1 of 1"):
        soundness.explanation(Explanation(()), Ranking(table, "mine"), BY)
    with refused("a str"):
        soundness.explanation("because", Ranking(table, "mine"), BY)


@pytest.mark.parametrize(("made", "said"), [(None, "None from `fit`"), (3, "an int from `fit`")])
def test_fit_returns_the_component(made, said):
    with refused(said):
        soundness.itself(made, ("scores",), BY)


def as_missing(column):
    return column.astype("Float64").mask([True] + [False] * (len(column) - 1))


@pytest.mark.parametrize("how", [str, object, as_missing], ids=["words", "objects", "missing"])
def test_effects_are_plain_numbers(fitted, log, how):
    changed = how(fitted.item["effect"]) if how is as_missing else fitted.item["effect"].astype(how)
    with refused("columns that hold no plain numbers: effect of"):
        effects(replace(fitted, item=fitted.item.assign(effect=changed)), log, BY)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ladder": None}, "None as `ladder`"),
        ({"pooled": 0.1}, "a float as `pooled`"),
        ({"segments": {}}, "a dict as `segments`"),
        ({"assumptions": (5,)}, "a tuple as `assumptions`"),
    ],
)
def test_effects_are_made_of_what_they_say(fitted, log, changes, said):
    with refused(said):
        effects(replace(fitted, **changes), log, BY)


def test_no_column_of_effects_is_there_twice(fitted, log):
    with refused("columns of several levels or of one name"):
        effects(replace(fitted, item=pd.concat([fitted.item, fitted.item[["effect"]]], axis=1)), log, BY)


def test_vectors_that_are_no_array_are_refused_by_name():
    torch = pytest.importorskip("torch")
    for made, said in (
        ([[1.0], [1.0, 2.0]], "a list that is no array"),
        (torch.ones(4, 2, requires_grad=True), "detach"),
    ):
        with refused(said):
            soundness.vectors(made, 4, BY)


def test_receipts_are_receipts():
    empty = Ranking(pd.DataFrame({"scope": [], "who": [], "item": []}), "uplift")
    for receipts, said in (((None,), "None among `receipts`"), ([], "a list as `receipts`")):
        with refused(said):
            soundness.explanation(Explanation(receipts), empty, BY)
