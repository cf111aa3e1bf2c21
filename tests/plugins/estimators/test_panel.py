from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.panel import Panel

from causalkit.components import Context
from causalkit.errors import DataError, InvalidParameter
from causalkit.types import ITEM_COLUMNS, LADDER_COLUMNS, Column, Table
from tests.planted_panels import planted_panel
from tests.worlds import personal_world


def _fit(world, **changes):
    return Panel().fit(world.dataset, replace(world.estimand, **changes)).effects_


@pytest.fixture(scope="module")
def small():
    return planted_panel(items=30, weeks=16)


def test_item_intervals_cover_planted_effects_and_the_pooled_one_too():
    inside, errors = [], []
    for seed in range(4):
        world = planted_panel(seed)
        effects = _fit(world)
        table = effects.item.dropna(subset=["raw"])
        truth = world.effect.reindex(table.index)
        inside.append(((table["lower"] < truth) & (truth < table["upper"])).mean())
        errors.append((effects.pooled.effect - truth.mean()) / truth.mean())
        assert effects.pooled.lower < truth.mean() < effects.pooled.upper
    assert 0.92 < np.mean(inside) < 0.98
    assert abs(np.mean(errors)) < 0.1


def test_no_effect_is_rejected_at_about_the_nominal_rate():
    p = np.concatenate([_fit(planted_panel(seed, relative=0, spread=0)).item["p"].dropna() for seed in range(6)])
    assert 0.03 < (p < 0.05).mean() < 0.07


def test_the_season_biases_the_naive_contrast_and_not_the_reported_effect():
    world = planted_panel(relative=0.1, spread=0.0, season=0.4)
    ladder = _fit(world).ladder
    assert tuple(ladder.columns) == LADDER_COLUMNS
    true = world.effect.mean()
    assert ladder["effect"].iloc[0] > 1.5 * true
    assert abs(ladder["effect"].iloc[-1] - true) < 0.2 * true
    assert ladder["specification"].iloc[-1] == "each item on its own, adjusted"


def test_arms_are_recovered_under_words_of_the_schema():
    world = planted_panel(items=60, season=0.2, arms=(0.02, 0.04))
    ladder = _fit(world, arms="display", population="all rows").ladder
    assert ladder["specification"].tolist() == [
        "in the mailer only",
        "display only",
        "both in the mailer and display",
    ]
    np.testing.assert_allclose(ladder["effect"], [0.02, 0.04, 0.06], atol=0.003)
    assert ((ladder["lower"] < [0.02, 0.04, 0.06]) & (ladder["upper"] > [0.02, 0.04, 0.06])).all()


@pytest.mark.parametrize("target", ["att", "ate"])
def test_the_pooled_baseline_is_what_exposed_rows_would_have_had(target):
    """Exposure in good seasons: unexposed weeks sold less than exposed ones would have anyway."""
    world = planted_panel(3, items=60, season=0.6, relative=0.5)
    pooled = Panel().fit(world.dataset, replace(world.estimand, target=target)).effects_.pooled
    rows = world.dataset.interactions.frame()
    shown = rows[rows["exposed"] == 1] if target == "att" else rows
    outcome = np.average(shown["bought"], weights=shown["households"])
    share = np.average(shown["exposed"], weights=shown["households"])
    assert pooled.baseline == pytest.approx(outcome - share * pooled.effect, rel=0.01)


def test_columns_are_those_of_the_contract_and_two_more(small):
    table = _fit(small).item
    assert tuple(table.columns) == (*ITEM_COLUMNS, "df", "smooth_stderr")
    assert (table["status"] == "").all()
    assert (table["df"].dropna() < 14).all()


def test_smooth_errors_vary_less_than_the_raw_ones(small):
    table = _fit(small).item.dropna(subset=["raw"])
    model = np.sqrt(Panel().fit_cells(Panel().cells(small.dataset, small.estimand)).model_variance)
    known = pd.Series(model, small.dataset.items.index).reindex(table.index)
    assert np.log(table["smooth_stderr"] / known).std() < 0.7 * np.log(table["raw_stderr"] / known).std()


def test_order_of_rows_columns_and_parts_changes_nothing(small):
    rows = small.dataset.interactions.data
    mixed = rows.sample(frac=1, random_state=1)[list(rows.columns[::-1])]
    a = _fit(small).item
    b = Panel().fit(replace(small.dataset, interactions=Table(mixed)), small.estimand, context=Context(part_rows=97))
    pd.testing.assert_frame_equal(a, b.effects_.item, rtol=1e-8)


def test_split_weights_are_the_same_rows(small):
    rows = small.dataset.interactions.data
    twice = pd.concat(
        [rows.assign(households=rows["households"] // 2), rows.assign(households=-(-rows["households"] // 2))]
    )
    again = replace(small, dataset=replace(small.dataset, interactions=Table(twice)))
    pd.testing.assert_frame_equal(_fit(small).item, _fit(again).item, rtol=1e-9)


def test_items_without_contrast_are_nan_and_say_why(small):
    rows = small.dataset.interactions.data.copy()
    rows.loc[rows["item"] == "i001", "exposed"] = 0
    rows.loc[rows["item"] == "i002", "exposed"] = 1
    rows.loc[rows["item"] == "i003", "exposed"] = (rows["week"] < 2).astype(int)
    rows = rows[(rows["item"] != "i004") | (rows["bought"] == 0)]
    rows = rows[rows["item"] != "i005"]
    table = Panel().fit(replace(small.dataset, interactions=Table(rows)), small.estimand).effects_.item
    said = table.loc["i001":"i005"]
    assert said[["effect", "stderr", "raw", "p"]].isna().all(axis=None)
    assert said["reason"].tolist() == [
        "no exposed week",
        "no unexposed week",
        "2 exposed and 14 unexposed weeks; 4 of each are needed",
        "the outcome never occurred",
        "no rows",
    ]
    assert said[["treated", "control"]].to_numpy().tolist()[:3] == [[0, 16], [16, 0], [2, 14]]


def test_weeks_without_rows_are_not_unexposed_weeks(small):
    rows = small.dataset.interactions.data
    gone = rows[(rows["item"] != "i001") | (rows["week"] > 2)]
    table = Panel().fit(replace(small.dataset, interactions=Table(gone)), small.estimand).effects_.item
    assert table.loc["i001", ["treated", "control"]].sum() == 13


def test_only_restricts_the_population(small):
    rows = small.dataset.interactions.only("week", range(10))
    flagged = small.dataset.interactions.with_columns(early=(small.dataset.interactions.data["week"] < 10).astype(int))
    a = Panel().fit(replace(small.dataset, interactions=rows), small.estimand).effects_.item
    b = Panel().fit(replace(small.dataset, interactions=flagged), replace(small.estimand, only=("early", 1))).effects_
    pd.testing.assert_frame_equal(a, b.item)


def test_outcomes_that_can_be_negative_are_read_in_their_own_units(small):
    rows = small.dataset.interactions.data
    moved = replace(small.dataset, interactions=Table(rows.assign(bought=10.0 * rows["bought"] - 3)))
    a, b = _fit(small).item, Panel().fit(moved, small.estimand).effects_.item
    both = pd.concat([a["raw"], b["raw"]], axis=1).dropna()
    assert len(both) == a["raw"].notna().sum() > 20
    assert both.corr().iloc[0, 1] > 0.98
    assert 9.0 < (b["raw"] / a["raw"]).median() < 11.0


def test_an_unlogged_season_name_and_a_missing_column_are_refused(small):
    with pytest.raises(DataError, match=r"no column 'wavy'.*did you mean 'wave'"):
        _fit(small, adjustment=("wavy",))


def test_time_is_needed(small):
    schema = small.dataset.schema
    timeless = replace(schema, columns=tuple(c for c in schema.columns if c.name != "week"), assignment=())
    with pytest.raises(DataError, match="panel needs a column with the role 'time'"):
        Panel().fit(replace(small.dataset, schema=timeless), small.estimand)


def test_a_column_constant_within_items_drops_out_and_is_said(small):
    schema = small.dataset.schema.with_columns([Column("kind", "covariate", "categorical")])
    effects = Panel().fit(replace(small.dataset, schema=schema), replace(small.estimand, adjustment=("wave", "kind")))
    assert any("kind is constant within an item" in said for said in effects.effects_.assumptions)


def test_twice_the_same_column_changes_little_under_pooling(small):
    doubled = small.dataset.with_columns(
        [Column("again", "covariate")], again=small.dataset.interactions.data["wave"] * 3
    )
    a = _fit(small).item["raw"]
    b = Panel().fit(doubled, replace(small.estimand, adjustment=("wave", "again"))).effects_.item["raw"]
    np.testing.assert_allclose(a, b, atol=0.5 * _fit(small).item["raw_stderr"].mean())


def test_a_log_without_exposure_has_no_effects_and_no_ladder(small):
    rows = small.dataset.interactions.data.assign(exposed=0)
    effects = Panel().fit(replace(small.dataset, interactions=Table(rows)), small.estimand).effects_
    assert effects.pooled is None
    assert effects.ladder.empty
    assert (effects.item["reason"] == "no exposed week").all()


def test_exposure_that_varies_between_users_is_said_to_be_out_of_reach():
    world = personal_world(users=40, items=5, weeks=10)
    said = Panel().fit(world.dataset, world.estimand).effects_.assumptions
    assert any("varies more between the rows of a week" in one for one in said)


@pytest.mark.parametrize(("name", "value"), [("pooling", 0.0), ("min_units", 0), ("exposed_above", 1.0), ("hc", "hc9")])
def test_unfit_parameters_are_refused(name, value):
    with pytest.raises(InvalidParameter, match=name):
        Panel(**{name: value})


def test_free_coefficients_cost_degrees_of_freedom(small):
    drawn, free = (
        Panel(pooling=p).fit(small.dataset, small.estimand).effects_.item["df"].median() for p in (0.3, None)
    )
    assert free == pytest.approx(16 - 3)
    assert drawn > free


def test_a_log_without_rows_is_refused(small):
    empty = replace(small.dataset, interactions=Table(small.dataset.interactions.frame().iloc[:0]))
    with pytest.raises(DataError, match="no rows to estimate effects from"):
        Panel().fit(empty, small.estimand)
