"""Cleaning counts, splits, derived columns without leakage, and the table that discovery sees."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalkit import preparation
from causalkit.components import Context
from causalkit.config import CleanPlan, SplitPlan
from causalkit.errors import DataError
from causalkit.types import Column, Dataset, Derivation, Schema, Split, Table


def log(weeks: int = 24, items: int = 6, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [(i, w, x) for i in range(items) for w in range(1, weeks + 1) for x in (0, 1)],
        columns=["item", "week", "shown"],
    )
    rows["bought"] = rng.random(len(rows)).round(3)
    rows["n"] = rng.integers(1, 5, len(rows))
    columns = (
        Column("item", "item", "categorical"),
        Column("week", "time", "time", 0),
        Column("shown", "treatment", "binary", 2),
        Column("bought", "outcome", "continuous", 4),
        Column("n", "weight", "count"),
        Column("aisle", "group", "categorical", 0),
        Column("lagged", "covariate", tier=1, derive=Derivation("lag", of="bought", periods=4, window=3)),
        Column("others", "covariate", tier=1, derive=Derivation("group-rate", of="bought", group="aisle")),
        Column("season", "covariate", tier=0, derive=Derivation("fourier", periods=52, harmonics=2)),
        Column("trend", "covariate", tier=0, derive=Derivation("trend")),
    )
    attributes = pd.DataFrame({"aisle": ["a", "b"] * (items // 2)}, index=pd.RangeIndex(items, name="item"))
    return Dataset(Table(rows), Schema(columns, ("item", "week")), attributes)


def prepared(data: Dataset) -> tuple[pd.DataFrame, Split]:
    data, parts = preparation.split(data, SplitPlan(weeks=4, pattern="DEET"))
    return preparation.derive(data, parts).interactions.frame(), parts


def test_time_blocks_rotate() -> None:
    _, parts = preparation.split(log(), SplitPlan(weeks=4, pattern="DEET", first=5, last=20, transport=4))
    assert parts.parts == {
        "discover": (5, 6, 7, 8),
        "training": (9, 10, 11, 12, 13, 14, 15, 16),
        "test": (17, 18, 19, 20),
        "transport": (21, 22, 23, 24),
    }


def test_too_short_a_log_for_the_pattern_is_refused() -> None:
    with pytest.raises(DataError, match="leave none for test"):
        preparation.split(log(weeks=12), SplitPlan(weeks=4, pattern="DEET"))


def test_timestamps_become_weeks_and_the_assignment_follows() -> None:
    data = log(weeks=16)
    rows = data.interactions.frame()
    start = pd.Timestamp("2025-01-06")
    data = Dataset(
        Table(rows.assign(week=start + pd.to_timedelta((rows["week"] - 1) * 7, "D"))), data.schema, data.items
    )
    split_data, parts = preparation.split(data, SplitPlan(weeks=4, pattern="DEET"))
    assert split_data.schema.assignment == ("item", "period")
    assert parts.values("test") == (12, 13, 14, 15)


def test_random_split_keeps_assignment_units_whole_and_repeats() -> None:
    data, parts = preparation.split(log(), SplitPlan(by="random"), Context(root_seed=3))
    rows = data.interactions.frame()
    assert rows.groupby(["item", "week"])["fold"].nunique().max() == 1
    again, _ = preparation.split(log(), SplitPlan(by="random"), Context(root_seed=3))
    assert rows["fold"].equals(again.interactions.frame()["fold"])
    assert set(rows["fold"]) == {0, 1, 2}
    assert parts.values("test") == (2,)


def test_random_split_keeps_declared_clusters_whole() -> None:
    data = log()
    rows = data.interactions.frame().assign(region=lambda r: r["week"] % 7)
    schema = data.schema.with_columns([Column("region", "cluster", "categorical")])
    split_data, _ = preparation.split(Dataset(Table(rows), schema, data.items), SplitPlan(by="random"))
    assert split_data.interactions.frame().groupby("region")["fold"].nunique().max() == 1


def test_lag_is_the_weighted_mean_of_old_rows_that_are_not_held_out() -> None:
    rows, parts = prepared(log())
    held = set(parts.values("test"))
    for week in (12, 18, 24):
        old = [w for w in range(1, week - 3) if w not in held][-3:]
        cell = rows[(rows["item"] == 2) & rows["week"].isin(old)]
        expected = np.average(cell["bought"], weights=cell["n"])
        got = rows[(rows["item"] == 2) & (rows["week"] == week)]["lagged"]
        assert got.to_numpy() == pytest.approx(expected, rel=1e-6)


def test_lag_never_reads_held_out_outcomes() -> None:
    data = log()
    before, parts = prepared(data)
    rows = data.interactions.frame()
    changed = rows.assign(bought=rows["bought"].where(~rows["week"].isin(parts.values("test")), 99.0))
    after, _ = prepared(Dataset(Table(changed), data.schema, data.items))
    pd.testing.assert_series_equal(before["lagged"], after["lagged"])


def test_group_rate_leaves_the_item_out() -> None:
    rows, _ = prepared(log())
    others = rows[(rows["week"] == 7) & rows["item"].isin([0, 4])]
    expected = np.average(others["bought"], weights=others["n"])
    got = rows[(rows["week"] == 7) & (rows["item"] == 2)]["others"]
    assert got.to_numpy() == pytest.approx(expected, rel=1e-6)


def test_season_and_trend() -> None:
    rows, _ = prepared(log())
    at = rows["week"] == 13
    assert rows.loc[at, "season_sin1"].to_numpy() == pytest.approx(1)
    assert rows.loc[at, "season_cos2"].to_numpy() == pytest.approx(-1)
    assert rows["trend"].min() == -1
    assert rows["trend"].max() == 1


def test_a_group_that_is_not_there_is_named() -> None:
    data = log()
    data = Dataset(data.interactions, data.schema, data.items.rename(columns={"aisle": "isle"}))
    with pytest.raises(DataError, match="did you mean 'isle'"):
        prepared(data)


def test_variables_have_one_row_per_unit_and_their_levels() -> None:
    data, parts = preparation.split(log(), SplitPlan(weeks=4, pattern="DEET"))
    seen = preparation.variables(parts.take(preparation.derive(data, parts), "discover"))
    assert len(seen.table) == 6 * len(parts.values("discover"))
    assert seen.levels["season_sin1"] == ("week",)
    assert seen.levels["bought"] == ("item", "week")
    assert seen.units_of("trend") == len(parts.values("discover"))
    assert seen.effective_n("trend", "bought") == len(parts.values("discover"))


def test_cleaning_does_nothing_unasked_and_counts_what_it_does() -> None:
    data = log()
    rows = data.interactions.frame().assign(price=1.0)
    rows.loc[[0, 5, 9], "price"] = np.nan
    rows.loc[20, "price"] = 50.0
    data = Dataset(Table(rows), data.schema.with_columns([Column("price", "covariate")]), data.items)
    with pytest.raises(DataError, match="'price' has 3 missing"):
        preparation.clean(data, CleanPlan())
    dropped, done = preparation.clean(data, CleanPlan(missing="drop"))
    assert len(dropped.interactions) == len(rows) - 3
    assert [(c.column, c.rows) for c in done] == [("price", 3)]
    _, done = preparation.clean(data, CleanPlan(missing="mean", outliers=4))
    assert [(c.what.split()[0], c.rows) for c in done] == [("filled", 3), ("clipped", 1)]
    with pytest.raises(DataError, match="did you mean 'price'"):
        preparation.clean(data, CleanPlan(missing="drop", standardise=("prise",)))
