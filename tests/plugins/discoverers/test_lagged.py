"""Dynamic graphs of planted processes: what a user did last week, and what it does this week."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.discoverers._resampling import Resampler
from causalkit_plugins.discoverers.bootstrap import Bootstrap
from causalkit_plugins.discoverers.causal_learn import CausalLearn
from causalkit_plugins.discoverers.lagged import Lagged
from causalkit_plugins.discoverers.pc import PC

import causalkit as ck
from causalkit.errors import DataError
from causalkit.preparation import variables as seen_by_discovery
from causalkit.testing.checks._graphs import edges_of
from causalkit.types import Column, Dataset, Knowledge, Schema, Table, Variables

PLANTED = {
    ("shown[t-1]", "shown"),
    ("bought[t-1]", "shown"),
    ("shown", "bought"),
    ("bought[t-1]", "visits"),
    ("taste", "bought"),
}


def world(seed: int = 0, users: int = 150, weeks: int = 16, **changes: object) -> Variables:
    """bought follows shown and taste at once; shown and visits follow last week's purchases."""
    rng = np.random.default_rng(seed)
    taste = rng.normal(size=users)
    shown, bought, visits = np.zeros((3, users))
    rows = []
    for week in range(-10, weeks):
        shown, visits = 0.5 * shown + 0.5 * bought + rng.normal(size=users), 0.7 * bought + rng.normal(size=users)
        bought = 0.7 * shown + 0.7 * taste + rng.normal(size=users)
        if week >= 0:
            made = {"user": np.arange(users), "week": week, "shown": shown, "bought": bought, "visits": visits}
            rows.append(pd.DataFrame(made | {"taste": taste}))
    frame = pd.concat(rows, ignore_index=True)
    names = ("shown", "bought", "visits", "taste")
    levels = dict.fromkeys(names[:3], ("user", "week")) | {"taste": ("user",)}
    columns = tuple(Column(n, "covariate", description=n) for n in names)
    made = Variables(frame[list(names)], columns, levels, frame[["user", "week"]], period="week")
    return replace(made, **changes)


def cut(variables: Variables, kept: np.ndarray) -> Variables:
    table, units = (f[kept].reset_index(drop=True) for f in (variables.table, variables.units))
    return replace(variables, table=table, units=units)


def arrows(graph) -> set[tuple[str, str]]:
    return {(e.source, e.target) for e in graph if e.mark == "->"}


def into_now(graph) -> set[tuple[str, str]]:
    return {(a, b) for a, b in arrows(graph) if "[" not in b}


@pytest.mark.parametrize("seed", range(3))
def test_the_planted_process_is_found(seed):
    made = Lagged(of=PC(alpha=0.001))
    graph = made.unrolled(world(seed), Knowledge({"shown": 0, "bought": 1}))
    assert into_now(graph) == PLANTED
    summary = made.discover(world(seed), Knowledge({"shown": 0, "bought": 1}))
    assert arrows(summary) == {("shown", "bought"), ("bought", "visits"), ("taste", "bought")}
    evidence = " ".join(told.detail for told in summary.edge("shown", "bought").evidence)
    assert "bought[t-1] -> shown" in evidence  # feedback stands beside what happens within the week
    assert any("shown[t-1] -> shown" in note for note in summary.notes)


def test_without_the_past_the_same_discoverer_joins_what_it_should_not():
    """What the lags are for: visits and shown share last week's purchases."""
    assert PC(alpha=0.001).discover(world()).edge("shown", "visits") is not None
    assert Lagged(of=PC(alpha=0.001)).discover(world()).edge("shown", "visits") is None


def test_time_directs_what_no_test_can():
    """With two variables no test tells a direction; that one was there before does."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 11))
    y = 0.8 * x[:, :10] + rng.normal(size=(300, 10))  # y of a week follows x of the week before
    users, weeks = (g.ravel() for g in np.meshgrid(np.arange(300), np.arange(10), indexing="ij"))
    table = pd.DataFrame({"x": x[:, 1:].ravel(), "y": y.ravel()})
    units = pd.DataFrame({"user": users, "week": weeks})
    made = Variables(table, (Column("x", "covariate"), Column("y", "covariate")), units=units, period="week")
    assert arrows(Lagged(of=PC()).discover(made)) == {("x", "y")}
    assert not PC().discover(made).edges


def test_two_lags_find_what_takes_two_periods():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 14))
    y = np.zeros((300, 14))
    y[:, 2:] = 0.8 * x[:, :-2]
    y += rng.normal(size=y.shape)
    users, weeks = (g.ravel() for g in np.meshgrid(np.arange(300), np.arange(14), indexing="ij"))
    units = pd.DataFrame({"user": users, "week": weeks})
    columns = (Column("x", "covariate"), Column("y", "covariate"))
    made = Variables(pd.DataFrame({"x": x.ravel(), "y": y.ravel()}), columns, units=units, period="week")
    assert into_now(Lagged(of=PC(alpha=0.001), lags=2).unrolled(made)) == {("x[t-2]", "y")}
    assert not Lagged(of=PC(alpha=0.001), lags=1).unrolled(made).edges


def test_a_lag_is_a_period_and_not_a_row():
    """Every third week is not in the log; the row before is then two weeks old, and is no past of one week."""
    full = world(weeks=30)
    gaps = cut(full, (full.units["week"] % 3 != 2).to_numpy())
    graph = Lagged(of=PC(alpha=0.001)).unrolled(gaps, Knowledge({"shown": 0, "bought": 1}))
    assert into_now(graph) == PLANTED
    assert "1500 of 3000 rows have their 1 week before; 1500 were left out" in graph.notes


def test_rows_in_any_order_and_timestamps_and_strides_mean_the_same():
    known = Knowledge({"shown": 0, "bought": 1})
    expected = edges_of(Lagged(of=PC(alpha=0.001)).unrolled(world(), known))
    order = np.random.default_rng(0).permutation(len(world().table))
    shuffled = world()
    shuffled = replace(
        shuffled,
        table=shuffled.table.iloc[order].reset_index(drop=True),
        units=shuffled.units.iloc[order].reset_index(drop=True),
    )
    dates = world()
    stamps = pd.Timestamp("2026-01-05") + pd.to_timedelta(7 * dates.units["week"], unit="D")
    strides = world()
    for told in (
        shuffled,
        replace(dates, units=dates.units.assign(week=stamps)),
        replace(strides, units=strides.units.assign(week=100 + 10 * strides.units["week"])),
    ):
        assert edges_of(Lagged(of=PC(alpha=0.001)).unrolled(told, known)) == expected


def test_knowledge_holds_in_every_period_it_means():
    known = Knowledge(forbidden=frozenset({("bought", "visits")}), required=frozenset({("visits", "shown")}))
    made = Lagged(of=PC(), stationary=False)
    graph = made.unrolled(world(), known)
    assert not {(a, b) for a, b in arrows(graph) if a.startswith("bought") and b.startswith("visits")}
    assert {("visits", "shown"), ("visits[t-1]", "shown[t-1]")} <= arrows(graph)
    summary = Lagged(of=PC()).discover(world(), known)
    assert ("visits", "shown") in arrows(summary)
    assert ("bought", "visits") not in arrows(summary)


def test_nothing_causes_what_was_before_it():
    for of in (PC(alpha=0.2), CausalLearn(method="ges"), CausalLearn(method="direct-lingam")):
        for a, b in arrows(Lagged(of=of, stationary=False).unrolled(world(users=30))):
            assert not ("[" not in a and "[" in b and a != "taste"), (of, a, b)


def test_tiers_hold_within_a_period_and_across_only_without_feedback():
    known = Knowledge({"shown": 0, "bought": 1})
    assert ("bought[t-1]", "shown") in arrows(Lagged(of=PC()).unrolled(world(), known))
    assert ("bought[t-1]", "shown") not in arrows(Lagged(of=PC(), feedback=False).unrolled(world(), known))
    summary = Lagged(of=PC()).discover(world(), known)
    assert ("bought", "shown") not in arrows(summary)


def test_a_lagged_edge_against_knowledge_stays_out_of_the_summary_and_is_said():
    known = Knowledge({"visits": 0, "bought": 1})  # within a week; across, bought leads to visits
    summary = Lagged(of=PC(alpha=0.001)).discover(world(), known)
    assert summary.edge("bought", "visits") is None
    assert any("not in the summary" in note and "bought[t-1] -> visits" in note for note in summary.notes)


def test_stationary_graphs_are_the_same_in_every_period():
    made = Lagged(of=PC(alpha=0.001), lags=2).unrolled(world(), Knowledge({"shown": 0, "bought": 1}))
    found = arrows(made)
    assert ("shown[t-1]", "bought[t-1]") in found
    assert ("bought[t-2]", "visits[t-1]") in found
    assert ("taste", "bought[t-2]") in found
    loose = Lagged(of=PC(alpha=0.001), lags=2, stationary=False).unrolled(world())
    assert edges_of(loose) != edges_of(made)


def test_hidden_causes_stay_marked():
    graph = Lagged(of=CausalLearn(alpha=0.001)).discover(world())
    assert graph.latent
    assert graph.edge("shown", "bought") is not None


def test_lags_of_none_leave_the_table_as_it_is():
    plain = replace(world(), period="", units=pd.DataFrame(), levels={})
    assert edges_of(Lagged(of=PC(), lags=0).discover(plain)) == edges_of(PC().discover(plain))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"period": ""}, "needs to know the period"),
        ({"units": pd.DataFrame({"user": [1], "week": [1]})}, "1 rows of ids for 2400 rows"),
        ({"units": pd.DataFrame({"week": np.arange(2400) % 16}), "levels": {}}, "2384 rows are of a series and week"),
        ({"units": pd.DataFrame({"user": 1, "week": ["a"] * 2400})}, "must count from one to the next"),
        ({"units": pd.DataFrame({"user": 1, "week": np.full(2400, np.nan)})}, "missing in 2400 rows"),
        ({"units": pd.DataFrame({"user": np.arange(2400), "week": 1})}, "no row has its 1 week before"),
    ],
)
def test_what_has_no_past_is_refused(changes, said):
    with pytest.raises(DataError, match=said):
        Lagged(of=PC()).discover(world(**changes))


def test_wrong_ids_and_impossible_knowledge_are_refused():
    with pytest.raises(DataError, match="per = \\['shop'\\] names 'shop'"):
        Lagged(of=PC(), per=("shop",)).discover(world())
    with pytest.raises(DataError, match="taste never changes within a unit"):
        Lagged(of=PC()).discover(world(), Knowledge(required=frozenset({("shown", "taste")})))


def test_the_period_of_a_log_reaches_discovery_and_a_run_passes_the_frame(tmp_path):
    made = world(users=60)
    rows = made.units.join(made.table[["bought", "visits"]]).assign(item="soup")
    rows["shown"] = (made.table["shown"] > 0) * 1
    roles = {"user": "user", "week": "time", "item": "item", "shown": "treatment", "bought": "outcome"}
    schema = Schema(
        tuple(Column(n, roles.get(n, "signal"), "time" if n == "week" else "continuous") for n in rows),  # type: ignore[arg-type]
        assignment=("user", "week"),
    )
    data = Dataset(Table(rows), schema, pd.DataFrame(index=pd.Index(["soup"], name="item")))
    assert seen_by_discovery(data).period == "week"
    rows.to_csv(tmp_path / "log.csv", index=False)
    columns = {c.name: {"role": c.role, "kind": c.kind} for c in schema.columns}
    run = ck.run(
        {
            "data": {
                "use": "tables",
                "params": {
                    "interactions": str(tmp_path / "log.csv"),
                    "schema": {"columns": columns, "assignment": ["user", "week"]},
                },
            },
            "split": {"by": "none"},
            "knowledge": {"forbidden": [["bought", "shown"]]},
            "discover": {"use": "lagged", "params": {"of": {"use": "pc"}, "lags": 1}},
            "estimate": {"use": "difference-in-means"},
            "rank": "uplift",
        },
        until="discover",
        runs_dir=tmp_path / "runs",
    )
    assert set(run.graph.nodes) == {"shown", "bought", "visits"}
    assert any("across periods: " in note for note in run.graph.notes)


def test_columns_that_never_change_are_told_by_units_and_not_by_rows():
    """Two coins a user, thrown once, over many weeks: few of 40 worlds join them."""
    rng, false = np.random.default_rng(0), 0
    for seed in range(40):
        made = world(seed, users=40, weeks=6)
        heads = rng.normal(size=40)[made.units["user"]]
        table = made.table.assign(heads=heads)
        made = replace(
            made,
            table=table,
            columns=(*made.columns, Column("heads", "covariate")),
            levels={**made.levels, "heads": ("user",)},
        )
        false += Lagged(of=CausalLearn(method="pc", alpha=0.05)).discover(made).edge("heads", "taste") is not None
    assert false <= 6


def test_too_few_units_for_what_never_changes_is_said():
    made = world(users=4, weeks=60)
    table = made.table.assign(heads=made.table["taste"] ** 2)
    made = replace(made, table=table, columns=(*made.columns, Column("heads", "covariate")))
    known = Knowledge(required=frozenset({("taste", "heads")}))
    graph = Lagged(of=CausalLearn(method="pc")).discover(made, known)
    assert any("not tested among heads, taste" in note for note in graph.notes)
    assert ("taste", "heads") in arrows(graph)


def test_it_can_hold_a_bootstrap_which_draws_rows_with_their_past():
    known = Knowledge({"shown": 0, "bought": 1})
    graph = Lagged(of=Bootstrap(of=PC(alpha=0.001), resamples=8)).discover(world(), known)
    assert arrows(graph) == {("shown", "bought"), ("bought", "visits"), ("taste", "bought")}
    assert all(edge.confidence == 1 for edge in graph)


def test_a_bootstrap_that_holds_it_draws_whole_users_with_all_their_weeks():
    known = Knowledge({"shown": 0, "bought": 1})
    graph = Bootstrap(of=Lagged(of=PC(alpha=0.001)), resamples=6).discover(world(), known)
    assert arrows(graph) == {("shown", "bought"), ("bought", "visits"), ("taste", "bought")}
    assert "6 resamples of whole units of user" in graph.notes
    drawn = Resampler.of(world(), over_time=True).draw(np.random.default_rng(0))
    assert drawn.units.groupby("user")["week"].agg(list).map(sorted).map(lambda weeks: weeks == list(range(16))).all()
    assert drawn.units["user"].nunique() == 150
    assert drawn.table["taste"].nunique() < 150
    assert Resampler.of(world()).what == "whole units of user and of week"  # for what reads no past


def test_of_one_unit_over_time_no_weeks_are_drawn_apart():
    one = cut(world(), (world().units["user"] == 3).to_numpy())
    with pytest.raises(DataError, match="one unit over time"):
        Bootstrap(of=Bootstrap(of=Lagged(of=PC()), resamples=2), resamples=2).discover(one)
    Bootstrap(of=Lagged(of=PC(), lags=0), resamples=2).discover(one)
