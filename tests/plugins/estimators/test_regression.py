"""`regression`: statsmodels' answers for every item at once, by parts, in bounded memory."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from causalkit_plugins.estimators._least_squares import LeastSquares
from causalkit_plugins.estimators._terms import Term
from causalkit_plugins.estimators._unit_groups import UnitHash
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.estimators.regression import Regression

from causalkit import Context
from causalkit.errors import DataError
from causalkit.estimation import bare
from causalkit.reduction import State, reduce_table
from causalkit.testing.reductions import check_reduction
from causalkit.types import ITEM_COLUMNS, LADDER_COLUMNS, Column, Dataset, Estimand, ParquetTable, Schema, Table

ESTIMAND = Estimand("shown", "y", adjustment=("x", "z"))


def log(
    seed: int = 0,
    rows: int = 3000,
    items: int = 5,
    units: int = 40,
    unit: str = "week",
    clustered: bool = True,
    effect: float = 0.5,
    noise: float = 1.0,
) -> Dataset:
    """Exposure and outcome rise with `x`, and both share a shock with their unit."""
    rng = np.random.default_rng(seed)
    item, who = rng.integers(0, items, rows), rng.integers(0, units, rows)
    x, z = rng.normal(size=rows) + item, rng.normal(size=rows).astype(np.float32)
    shock, exposed = rng.normal(size=(2, units))
    shown = rng.random(rows) < 1 / (1 + np.exp(-(x - item) - 0.5 * exposed[who]))
    y = 1 + x + 0.3 * z + effect * shown + noise * (0.5 * shock[who] + rng.normal(size=rows))
    frame = pd.DataFrame({"item": pd.Categorical(item), unit: who, "shown": shown.astype(np.int8), "y": y})
    schema = Schema(
        (
            Column("item", "item", "categorical"),
            Column(unit, "time" if unit == "week" else "user", "categorical"),
            Column("shown", "treatment", "binary"),
            Column("y", "outcome"),
            Column("x", "covariate"),
            Column("z", "covariate"),
            Column("colour", "covariate", "categorical"),
        ),
        assignment=("item", unit) if clustered else (),
    )
    frame = frame.assign(x=x, z=z, colour=pd.Categorical(np.array(list("rgb"))[rng.integers(0, 3, rows)]))
    return Dataset(Table(frame), schema, pd.DataFrame(index=pd.Index(range(items))))


def fitted(dataset: Dataset, estimand: Estimand = ESTIMAND, *, rows: int = 1_000_000, **params):
    return Regression(**params).fit(dataset, estimand, context=Context(part_rows=rows)).effects_


def changed(dataset: Dataset, **columns) -> Dataset:
    return replace(dataset, interactions=dataset.interactions.with_columns(**columns))


def peer(dataset: Dataset, item: object, names: list[str], **kind):
    rows = dataset.interactions.frame()
    rows = rows[rows["item"] == item]
    if dataset.weight:
        rows = rows.loc[rows.index.repeat(rows[dataset.weight])]
    design = sm.add_constant(pd.get_dummies(rows[["shown", *names]], drop_first=True, dtype=float))
    if kind.get("cov_type") == "cluster":
        kind["cov_kwds"] = {"groups": rows["week"].to_numpy()}
    return sm.OLS(rows["y"], design).fit(**kind, use_t=True)


# --- the same answers as statsmodels -------------------------------------------------------


@pytest.mark.parametrize("names", [[], ["x"], ["x", "z", "colour"]])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["cluster", "HC3"])
def test_estimates_errors_and_p_values_are_those_of_statsmodels(names: list, weighted: bool, kind: str) -> None:
    dataset = log(clustered=kind == "cluster", rows=1500)
    if weighted:
        weights = np.random.default_rng(1).integers(0, 4, 1500)
        dataset = dataset.with_columns([Column("n", "weight", "count")], n=weights)
    table = fitted(dataset, replace(ESTIMAND, adjustment=tuple(names)), errors="cr1").item
    for item in dataset.items.index:
        theirs = peer(dataset, item, names, cov_type=kind)
        assert table.loc[item, "raw"] == pytest.approx(theirs.params["shown"], rel=1e-9)
        assert table.loc[item, "raw_stderr"] == pytest.approx(theirs.bse["shown"], rel=1e-8)
        assert table.loc[item, "p"] == pytest.approx(theirs.pvalues["shown"], rel=1e-6)
        lower, upper = theirs.conf_int().loc["shown"]
        assert table.loc[item, ["lower", "upper"]].tolist() == pytest.approx([lower, upper], rel=1e-8)


def test_errors_are_those_of_leaving_out_one_unit_at_a_time() -> None:
    dataset = log(items=2, rows=600, units=12)
    exact, close = (fitted(dataset, replace(ESTIMAND, adjustment=names)).item for names in ((), ("x", "z")))
    for item in dataset.items.index:
        for names, table, rel in (([], exact, 1e-9), (["x", "z"], close, 0.05)):
            rows = dataset.interactions.frame()
            without = [replace(dataset, interactions=Table(rows[rows["week"] != week])) for week in range(12)]
            found = np.array([peer(less, item, names).params["shown"] for less in without])
            jackknife = np.sqrt(11 / 12 * ((found - table.loc[item, "raw"]) ** 2).sum())
            assert table.loc[item, "raw_stderr"] == pytest.approx(jackknife, rel=rel)


def test_an_effect_that_rests_on_one_unit_has_no_error() -> None:
    dataset = log(items=1)
    rows = dataset.interactions.frame().copy()
    rows.loc[rows["week"] > 0, "shown"] = 0
    table = fitted(replace(dataset, interactions=Table(rows)), min_units=1).item
    assert table["reason"].tolist() == ["the effect rests on one week"]
    assert table["raw"].isna().all()


@pytest.mark.parametrize("clustered", [True, False])
def test_an_effect_that_rests_on_one_row_once_adjusted_has_no_error(clustered: bool) -> None:
    dataset = log(items=1, rows=200, units=200, clustered=clustered)
    row = np.arange(200)
    alone = {f"row{k}": (row == k).astype(float) for k in range(4)}  # of five exposed rows, one is not explained away
    crowded = changed(dataset, shown=(row < 5).astype(np.int8), week=row, **alone)
    table = fitted(crowded, replace(ESTIMAND, adjustment=tuple(alone)), groups=256).item
    assert table["reason"].tolist() == [f"the effect rests on one {'week' if clustered else 'row'}"]


def test_nothing_to_adjust_for_is_the_difference_in_means() -> None:
    dataset = log()
    ours, theirs = fitted(dataset, replace(ESTIMAND, adjustment=())), DifferenceInMeans().fit(dataset, ESTIMAND)
    np.testing.assert_allclose(ours.item["raw"], theirs.effects_.item["raw"], rtol=1e-10)
    assert len(ours.ladder) == 1


def test_the_table_pooled_and_ladder_are_whole() -> None:
    effects = fitted(log())
    assert list(effects.item.columns) == list(ITEM_COLUMNS)
    assert list(effects.ladder.columns) == list(LADDER_COLUMNS)
    bare_step, adjusted_step = effects.ladder["effect"]
    assert adjusted_step == effects.pooled.effect
    assert abs(adjusted_step - 0.5) < 0.1 < abs(bare_step - 0.5)
    assert effects.item[["treated", "control"]].to_numpy().max() <= 40
    assert (effects.item["ess"] <= 40).all() and (effects.item["ess"] > 10).all()


@pytest.mark.parametrize("target", ["ate", "att"])
def test_baseline_is_the_outcome_of_the_target_s_rows_without_exposure(target: str) -> None:
    dataset = log(noise=1e-3)
    effects = fitted(dataset, replace(ESTIMAND, target=target))
    rows = dataset.interactions.frame()
    told = (rows["y"] - 0.5 * rows["shown"])[rows["shown"] == 1 if target == "att" else rows["shown"] >= 0]
    means = told.groupby(rows["item"], observed=True).mean()
    np.testing.assert_allclose(effects.item["baseline"], means, atol=1e-3)
    assert effects.pooled.baseline == pytest.approx(told.mean(), abs=1e-3)
    assert effects.pooled.effect == pytest.approx(0.5, abs=1e-3)


# --- one answer ----------------------------------------------------------------------------


@pytest.mark.parametrize(("units", "clustered"), [(40, True), (700, True), (40, False)])
def test_parts_order_and_place_of_rows_do_not_change_the_answer(units: int, clustered: bool, tmp_path: Path) -> None:
    dataset = log(units=units, clustered=clustered)
    whole = fitted(dataset)
    for rows in (1, 7, 1000):
        small = dataset if rows > 1 else replace(dataset, interactions=Table(dataset.interactions.data[:90]))
        expected = whole if rows > 1 else fitted(small)
        pd.testing.assert_frame_equal(fitted(small, rows=rows).item, expected.item, rtol=1e-8, check_exact=False)
    shuffled = replace(dataset, interactions=Table(dataset.interactions.data.sample(frac=1, random_state=0)))
    pd.testing.assert_frame_equal(fitted(shuffled).item, whole.item, rtol=1e-8)
    turned = fitted(dataset, replace(ESTIMAND, adjustment=("z", "x")))
    pd.testing.assert_frame_equal(turned.item, whole.item, rtol=1e-8)
    disk = replace(dataset, interactions=ParquetTable.write(dataset.interactions, tmp_path))
    for rows in (999, 1_000_000):
        pd.testing.assert_frame_equal(fitted(disk, rows=rows).item, fitted(dataset, rows=rows).item, check_exact=True)
        assert fitted(disk, rows=rows).pooled == fitted(dataset, rows=rows).pooled


def reduction(dataset: Dataset, groups: int = 128) -> LeastSquares:
    units = UnitHash.of(dataset.interactions, ["week"])
    return LeastSquares(bare(dataset), ESTIMAND, dataset.items.index, (Term("x"), Term("z")), units, groups)


@pytest.mark.parametrize("units", [40, 700])
def test_parts_merge_in_any_grouping_to_what_one_pass_gives(units: int) -> None:
    dataset = log(units=units)
    parts = list(dataset.interactions.parts(rows=1000))
    found = check_reduction(reduction(dataset), parts)
    assert found.exposed.sum() + found.unexposed.sum() == len(dataset.interactions)


def test_memory_does_not_grow_with_rows_or_units() -> None:
    sizes = set()
    for rows, units in ((3000, 300), (30_000, 25_000)):
        dataset = log(rows=rows, units=units)
        of = reduction(dataset)
        first = of.finalize(next(of.update(of.init(State()), part) for part in dataset.interactions.parts()))
        second = of.update(of.init(first.broadcast), dataset.interactions.frame())
        sizes.add(len(pickle.dumps(second)))
    assert len(sizes) == 1


def test_units_are_dealt_by_their_ids_and_not_by_how_these_are_coded() -> None:
    dataset = log(units=700)
    week = dataset.interactions.frame()["week"]
    names = week.map(lambda w: f"w{w}")
    tables = [
        fitted(changed(dataset, week=pd.Categorical(names, order))).item
        for order in (sorted(set(names)), sorted(set(names), reverse=True))
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1], rtol=1e-8)


@pytest.mark.parametrize("shift", [1e4, 1e7])
def test_large_levels_cost_no_digits(shift: float) -> None:
    dataset = log()
    rows = dataset.interactions.frame()
    far = changed(dataset, x=rows["x"] + shift, y=rows["y"] - shift)
    a, b = fitted(dataset).item, fitted(far, rows=500).item
    np.testing.assert_allclose(a[["raw", "raw_stderr"]], b[["raw", "raw_stderr"]], rtol=1e-15 * shift * 1e3)


# --- what it is for ------------------------------------------------------------------------


@pytest.mark.parametrize(("units", "clustered"), [(60, True), (2000, True), (2000, False)])
def test_intervals_cover_where_the_naive_one_is_biased(units: int, clustered: bool) -> None:
    dataset = log(3, rows=150_000, items=300, units=units)
    if not clustered:  # rows are independent once the shock of their unit is adjusted away
        rng = np.random.default_rng(0)
        rows = dataset.interactions.frame()
        y = rows["x"] + 0.5 * rows["shown"] + rng.normal(size=len(rows)) * (1 + rows["shown"])
        dataset = replace(changed(dataset, y=y), schema=replace(dataset.schema, assignment=()))
    table = fitted(dataset).item
    covered = ((table["lower"] < 0.5) & (table["upper"] > 0.5)).mean()
    assert 0.9 < covered < 0.99
    assert abs(table["raw"].mean() - 0.5) < 0.02
    naive = DifferenceInMeans().fit(dataset, ESTIMAND).effects_.item
    assert naive["raw"].mean() > 1


def test_fewer_groups_give_the_same_effect_and_about_the_same_error() -> None:
    dataset = log(units=2000, rows=30_000)
    many, few = fitted(dataset, groups=1000), fitted(dataset, groups=50)
    np.testing.assert_allclose(many.item["raw"], few.item["raw"], rtol=1e-9)
    assert 0.7 < (few.item["raw_stderr"] / many.item["raw_stderr"]).mean() < 1.3
    assert (few.item["treated"] <= 50).all()
    assert any("50 random groups" in said for said in few.assumptions)
    assert not any("random groups" in said for said in fitted(log(units=40)).assumptions)


# --- what cannot be read -------------------------------------------------------------------


def test_constant_and_collinear_columns_drop_out() -> None:
    dataset = log(clustered=False)
    rows = dataset.interactions.frame()
    more = changed(
        dataset, same=np.ones(len(rows)), twice=(3 * rows["x"] - 2 * rows["z"] + 7), level=rows["item"].cat.codes
    )
    plain, crowded = (
        fitted(more, replace(ESTIMAND, adjustment=a)) for a in (("x", "z"), ("x", "same", "twice", "level", "z"))
    )
    pd.testing.assert_frame_equal(plain.item, crowded.item, rtol=1e-7)


def test_items_that_cannot_be_read_say_why() -> None:
    dataset = log(items=8, rows=4000)
    rows = dataset.interactions.frame().copy()
    item = rows["item"].astype(int)
    rows.loc[item == 0, "shown"] = 0
    rows.loc[item == 1, "shown"] = 1
    rows.loc[item == 2, "y"] = 3.7
    rows.loc[item == 3, "x"] = rows["shown"] * 2.0
    rows.loc[(item == 4) & (rows["week"] > 2), "shown"] = 0
    rows.loc[item == 5, "y"] = 2 * rows["x"] + rows["shown"]
    rows = rows[item != 6]
    table = fitted(replace(dataset, interactions=Table(rows))).item
    assert table["reason"].tolist() == [
        "no exposed week",
        "no unexposed week",
        "the outcome never varies",
        "exposure follows from what is adjusted for",
        "3 exposed and 40 unexposed weeks; needs 4",
        "the outcome follows from exposure and what is adjusted for",
        "no rows",
        "",
    ]
    unread = table.iloc[:7]
    assert unread[["effect", "stderr", "lower", "upper", "p"]].isna().all(axis=None)
    assert table.iloc[7][["effect", "stderr", "ess", "baseline"]].notna().all()


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_a_handful_of_rows_is_no_estimate_with_a_reason(rows: int) -> None:
    dataset = log()
    effects = fitted(replace(dataset, interactions=Table(dataset.interactions.data.iloc[:rows])))
    assert effects.item["effect"].isna().all() and (effects.item["reason"] != "").all()
    assert effects.pooled is None and effects.ladder.empty


def test_rows_no_more_than_columns_are_no_estimate() -> None:
    dataset = log(items=1, rows=9, clustered=False)
    shown = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0])
    more = {f"c{k}": np.random.default_rng(k).normal(size=9) for k in range(7)}
    crowded = changed(dataset, shown=shown, **more)
    assert fitted(crowded, replace(ESTIMAND, adjustment=tuple(more))).item["reason"].tolist() == [
        "no more rows than columns"
    ]


def test_a_unit_that_is_the_whole_item_has_no_error() -> None:
    dataset = log()
    table = fitted(replace(dataset, schema=replace(dataset.schema, assignment=("item",)))).item
    assert table["reason"].str.contains("items; needs 4").all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_missing_adjustment_is_refused_by_name(value: float) -> None:
    dataset = log()
    x = dataset.interactions.frame()["x"].to_numpy().copy()
    x[3] = value
    with pytest.raises(DataError, match="'x' is missing or infinite in 1 of"):
        fitted(changed(dataset, x=x))


def test_missing_and_many_levels_are_refused_by_name() -> None:
    dataset = log()
    colour = dataset.interactions.frame()["colour"].where(np.arange(3000) > 4)
    by_colour = replace(ESTIMAND, adjustment=("colour",))
    with pytest.raises(DataError, match="'colour' is missing in 5 of"):
        fitted(changed(dataset, colour=colour), by_colour)
    with pytest.raises(DataError, match="'colour' has 40 levels; regression adjusts for at most"):
        fitted(changed(dataset, colour=dataset.interactions.frame()["week"]), by_colour)


def test_numbers_that_the_schema_calls_categories_are_levels() -> None:
    dataset = log(clustered=False)
    codes = dataset.interactions.frame()["colour"].cat.codes.to_numpy()
    by_colour = replace(ESTIMAND, adjustment=("colour",))
    a, b = fitted(dataset, by_colour).item, fitted(changed(dataset, colour=codes), by_colour).item
    pd.testing.assert_frame_equal(a, b, rtol=1e-9)


def test_rounds_are_two() -> None:
    dataset = log()
    reduce_table(reduction(dataset), dataset.interactions, ["item", "week", "shown", "y", "x", "z"], rounds=2)
