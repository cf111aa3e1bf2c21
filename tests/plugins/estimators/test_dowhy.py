from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.aipw import AIPW
from causalkit_plugins.estimators.dowhy import DoWhyEstimator, _identified

from causalkit.errors import DataError, InvalidParameter
from causalkit.types import Column, Table
from tests.worlds import personal_world


@pytest.fixture(scope="module")
def world():
    return personal_world(seed=4, users=250, items=4, effect=0.15)


def changed(world, **columns):
    rows = world.dataset.interactions.data.assign(**columns)
    return replace(world.dataset, interactions=Table(rows))


@pytest.mark.parametrize(
    "method", ["linear-regression", "propensity-weighting", "propensity-stratification", "propensity-matching"]
)
def test_each_method_finds_the_planted_effect_quietly(world, method, capsys, caplog):
    with caplog.at_level(logging.INFO):
        made = DoWhyEstimator(method=method, items=["i001"], resamples=10).fit(world.dataset, world.estimand)
    row = made.effects_.item.loc["i001"]
    assert abs(row["effect"] - world.item["i001"]) < 4 * row["stderr"]
    assert 0.015 < row["stderr"] < 0.09
    assert made.effects_.item["effect"].notna().sum() == 1
    assert made.effects_.item.loc["i000", "reason"] == "not among the items that dowhy was given"
    assert capsys.readouterr().out == ""
    assert not [r for r in caplog.records if r.name.startswith("dowhy")]


def test_it_agrees_with_aipw_within_errors(world):
    ours = AIPW().fit(world.dataset, world.estimand).effects_.item
    theirs = DoWhyEstimator(resamples=10).fit(world.dataset, world.estimand).effects_.item
    assert (np.abs(ours["effect"] - theirs["effect"]) < 2.5 * ours["stderr"]).all()
    assert (theirs["treated"] == ours["treated"]).all()


def test_all_treated_is_no_estimate(world):
    table = DoWhyEstimator().fit(changed(world, exposed=np.int8(1)), world.estimand).effects_.item
    assert table["effect"].isna().all()
    assert (table["reason"] == "250 exposed and 0 unexposed units; needs 4").all()


def test_a_misspelt_confounder_is_refused(world):
    with pytest.raises(DataError, match="did you mean 'season'"):
        DoWhyEstimator().fit(world.dataset, replace(world.estimand, adjustment=("seson",)))


def test_missing_outcomes_are_refused(world):
    bought = world.dataset.interactions.data["bought"].astype(float)
    bought[3] = np.nan
    with pytest.raises(DataError, match="'bought' is missing or infinite in 1 of"):
        DoWhyEstimator().fit(changed(world, bought=bought), world.estimand)


def test_a_misspelt_option_is_refused(world):
    with pytest.raises(InvalidParameter, match="did you mean 'min_ps_score'"):
        DoWhyEstimator(method="propensity-weighting", options={"min_ps_scor": 0.1}).fit(world.dataset, world.estimand)


def test_clipping_is_stated(world):
    made = DoWhyEstimator(method="propensity-weighting", items=["i001"], resamples=10).fit(
        world.dataset, world.estimand
    )
    assert "Propensities are held within [0.05, 0.95]." in made.effects_.assumptions


def test_the_time_limit_leaves_items_with_a_reason(world):
    table = DoWhyEstimator(seconds=1e-6).fit(world.dataset, world.estimand).effects_.item
    assert table["reason"].str.contains("time limit").all()


def test_at_most_max_items_are_run(world):
    table = DoWhyEstimator(max_items=1, resamples=10).fit(world.dataset, world.estimand).effects_.item
    assert table["effect"].notna().sum() == 1
    assert table["reason"].str.contains("held to").sum() == 3


def test_weights_repeat_rows_up_to_a_cap(world):
    weighted = changed(world, n=2)
    weighted = replace(weighted, schema=weighted.schema.with_columns([Column("n", "weight")]))
    plain = DoWhyEstimator(items=["i001"], resamples=10).fit(world.dataset, world.estimand).effects_.item
    twice = DoWhyEstimator(items=["i001"], resamples=10).fit(weighted, world.estimand).effects_.item
    assert twice.loc["i001", "effect"] == pytest.approx(plain.loc["i001", "effect"])
    assert twice.loc["i001", "stderr"] == pytest.approx(plain.loc["i001", "stderr"])
    with pytest.raises(DataError, match="2000 rows after repeating"):
        DoWhyEstimator(max_rows=1500).fit(weighted, world.estimand)
    half = replace(weighted, interactions=Table(weighted.interactions.data.assign(n=0.5)))
    with pytest.raises(DataError, match="not whole numbers"):
        DoWhyEstimator().fit(half, world.estimand)


def test_propensities_need_something_to_adjust_for(world):
    nothing = replace(world.estimand, adjustment=())
    with pytest.raises(DataError, match="adjustment set is empty"):
        DoWhyEstimator(method="propensity-matching").fit(world.dataset, nothing)
    table = DoWhyEstimator(items=["i001"], resamples=10).fit(world.dataset, nothing).effects_.item
    rows = world.dataset.interactions.data
    means = rows[rows["item"] == "i001"].groupby("exposed")["bought"].mean()
    assert table.loc["i001", "effect"] == pytest.approx(means[1] - means[0])


def test_an_unknown_item_is_refused(world):
    with pytest.raises(DataError, match=r"no item 'i01'; did you mean"):
        DoWhyEstimator(items=["i01"]).fit(world.dataset, world.estimand)


def test_a_constant_outcome_says_so(world):
    table = DoWhyEstimator(items=["i001"]).fit(changed(world, bought=np.int8(0)), world.estimand).effects_.item
    assert table.loc["i001", "reason"] == "the outcome never varies"
    assert pd.isna(table.loc["i001", "effect"])


def test_what_is_adjusted_for_stands_in_the_order_of_the_columns():
    """DoWhy's own order is that of a set of texts, which is another in each process."""
    names = [f"x{k}" for k in range(12)]
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 14)), columns=["t", "y", *names])
    assert _identified(table, names).get_adjustment_set() == names


def test_rows_in_another_order_and_rows_with_a_weight_redraw_the_same_samples(world):
    estimator = DoWhyEstimator(resamples=10, max_items=1)
    rows, schema = world.dataset.interactions.data, world.dataset.schema
    first = estimator.fit(world.dataset, world.estimand).effects_.item
    mixed = replace(world.dataset, interactions=Table(rows.sample(frac=1, random_state=0)))
    pd.testing.assert_frame_equal(first, estimator.fit(mixed, world.estimand).effects_.item, rtol=1e-9)
    alone = replace(schema, assignment=())
    times = np.random.default_rng(0).integers(0, 3, len(rows))
    repeated = Table(rows.iloc[np.repeat(np.arange(len(rows)), times)].reset_index(drop=True))
    weighed = Table(rows.assign(times=times))
    a = estimator.fit(replace(world.dataset, interactions=repeated, schema=alone), world.estimand).effects_.item
    counted = alone.with_columns([Column("times", "weight", "count")])
    b = estimator.fit(replace(world.dataset, interactions=weighed, schema=counted), world.estimand).effects_.item
    pd.testing.assert_frame_equal(a, b, rtol=1e-9)
