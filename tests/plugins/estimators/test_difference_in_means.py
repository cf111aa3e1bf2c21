from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators import difference_in_means
from causalkit_plugins.estimators.aipw import AIPW
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.estimators.t_learner_eb import TLearnerEB

from causalkit.components import Context
from causalkit.errors import DataError
from causalkit.types import ITEM_COLUMNS, Column, Table
from tests.worlds import chain_world, personal_world


def test_effects_are_exposed_minus_unexposed_rates():
    world = personal_world(users=40, items=5)
    rows = world.dataset.interactions.data
    table = DifferenceInMeans().fit(world.dataset, world.estimand).effects_.item
    expected = rows.groupby(["item", "exposed"], observed=True)["bought"].mean().unstack()
    assert tuple(table.columns) == ITEM_COLUMNS
    np.testing.assert_allclose(table["effect"], (expected[1] - expected[0]).loc[table.index])
    np.testing.assert_allclose(table["baseline"], expected[0].loc[table.index])
    assert (table["status"] == "").all()


def test_pooled_is_the_naive_contrast_over_all_rows():
    world = personal_world(users=40, items=5)
    rows = world.dataset.interactions.data
    pooled = DifferenceInMeans().fit(world.dataset, world.estimand).effects_.pooled
    by_arm = rows.groupby("exposed")["bought"].mean()
    assert pooled.effect == pytest.approx(by_arm[1] - by_arm[0])
    assert pooled.lower < pooled.effect < pooled.upper


def test_clustered_intervals_cover_where_exposure_is_chain_wide_and_independent_ones_do_not():
    clustered, independent = [], []
    for seed in range(3):
        world = chain_world(seed)
        table = DifferenceInMeans().fit(world.dataset, world.estimand).effects_.item
        clustered.append((table["p"] < 0.05).mean())
        loose = replace(world.dataset, schema=replace(world.dataset.schema, assignment=()))
        independent.append((DifferenceInMeans().fit(loose, world.estimand).effects_.item["p"] < 0.05).mean())
    assert np.mean(clustered) < 0.11
    assert np.mean(independent) > 0.2


def test_units_are_counted_in_weeks():
    world = chain_world(items=3)
    table = DifferenceInMeans().fit(world.dataset, world.estimand).effects_.item
    weeks = world.dataset.interactions.data.drop_duplicates(["item", "week"]).groupby("item", observed=True)["exposed"]
    assert table["treated"].tolist() == weeks.sum().tolist()
    assert (table["treated"] + table["control"] == 24).all()
    assert ((table["ess"] > 23.9) & (table["ess"] <= 24.001)).all()


def test_parts_do_not_change_the_answer():
    world = personal_world(users=40, items=5)
    whole = DifferenceInMeans().fit(world.dataset, world.estimand).effects_.item
    parts = DifferenceInMeans().fit(world.dataset, world.estimand, context=Context(part_rows=77)).effects_.item
    pd.testing.assert_frame_equal(whole, parts, rtol=1e-12)


def test_segments_are_filled_and_reach_users():
    world = chain_world(items=3, effect=0.1)
    effects = DifferenceInMeans(level="segment").fit(world.dataset, world.estimand).effects_
    assert len(effects.segment) == 6
    found = effects.predict(["h0", "h1"], ["i000", "i000"])
    assert found["level"].tolist() == ["segment", "segment"]
    assert found["effect"].tolist() == effects.segment["effect"].tolist()[:2]


def test_an_item_never_exposed_is_nan_with_a_reason():
    world = personal_world(users=20, items=3)
    rows = world.dataset.interactions.data.copy()
    rows.loc[rows["item"] == "i001", "exposed"] = 0
    table = DifferenceInMeans().fit(replace(world.dataset, interactions=Table(rows)), world.estimand).effects_.item
    assert np.isnan(table.loc["i001", "effect"])
    assert table.loc["i001", "reason"] == "no exposed user"
    assert table.loc["i001", "treated"] == 0


def test_only_restricts_the_population():
    world = personal_world(users=40, items=3)
    only = replace(world.estimand, only=("week", 1))
    rows = world.dataset.interactions.only("week", [1])
    a = DifferenceInMeans().fit(world.dataset, only).effects_.item
    b = DifferenceInMeans().fit(replace(world.dataset, interactions=rows), world.estimand).effects_.item
    pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize(("column", "value", "said"), [("bought", np.nan, "missing"), ("exposed", 2, "must be 0 or 1")])
def test_unsound_rows_are_refused(column, value, said):
    world = personal_world(users=20, items=3)
    rows = world.dataset.interactions.data.astype({column: float})
    rows.loc[3, column] = value
    with pytest.raises(DataError, match=said):
        DifferenceInMeans().fit(replace(world.dataset, interactions=Table(rows)), world.estimand)


@pytest.mark.parametrize("made", [DifferenceInMeans(), AIPW(min_units=2), TLearnerEB()])
def test_boolean_treatment_is_read_as_0_and_1(made):
    world = personal_world(users=40, items=3)
    told = world.dataset.interactions.data.assign(exposed=world.dataset.interactions.data["exposed"].astype(bool))
    a = made.fit(world.dataset, world.estimand).effects_.item
    b = made.fit(replace(world.dataset, interactions=Table(told)), world.estimand).effects_.item
    pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize("made", [DifferenceInMeans(), AIPW(), TLearnerEB()])
def test_treatment_in_words_is_refused(made):
    world = personal_world(users=20, items=3)
    told = world.dataset.interactions.data.assign(exposed="yes")
    with pytest.raises(DataError, match="must hold numbers"):
        made.fit(replace(world.dataset, interactions=Table(told)), world.estimand)


@pytest.mark.parametrize("made", [DifferenceInMeans(), AIPW(), TLearnerEB()])
@pytest.mark.parametrize("rows", [1, 5])
def test_a_handful_of_rows_is_no_estimate_with_a_reason(made, rows):
    world = personal_world(users=20, items=3)
    few = replace(world.dataset, interactions=Table(world.dataset.interactions.data.iloc[:rows]))
    table = made.fit(few, world.estimand).effects_.item
    assert table["effect"].isna().all()
    assert (table["reason"] != "").all()


def test_no_rows_is_no_estimate():
    world = personal_world(users=20, items=3)
    none = replace(world.dataset, interactions=Table(world.dataset.interactions.data.iloc[:0]))
    effects = DifferenceInMeans().fit(none, world.estimand).effects_
    assert (effects.item["reason"] == "no rows").all()
    assert effects.pooled is None


def test_nothing_to_adjust_for_makes_doubly_robust_and_naive_agree():
    world = personal_world(users=100, items=3)
    plain = replace(world.estimand, adjustment=())
    a = DifferenceInMeans().fit(world.dataset, plain).effects_.item
    b = AIPW().fit(world.dataset, plain).effects_.item
    np.testing.assert_allclose(a["effect"], b["effect"], atol=0.01)
    np.testing.assert_allclose(a["stderr"], b["stderr"], rtol=0.05)


def test_workers_are_sent_no_rows_but_their_part():
    import pickle

    from causalkit.estimation import bare

    world = personal_world(users=300, items=10)
    assert len(pickle.dumps(bare(world.dataset))) < 5000


@pytest.mark.parametrize("level", ["item", "segment"])
def test_more_units_than_memory_holds_are_dealt_to_groups(level, monkeypatch):
    world = personal_world(users=2000, items=3, weeks=2)
    world = replace(world, dataset=_with_segments(world.dataset))
    exact = DifferenceInMeans(level=level).fit(world.dataset, world.estimand).effects_
    monkeypatch.setattr(difference_in_means, "MOST_SUMS", 1000)
    parts = Context(part_rows=1500)
    dealt = DifferenceInMeans(level=level).fit(world.dataset, world.estimand, context=parts).effects_
    np.testing.assert_allclose(dealt.item["raw"], exact.item["raw"])
    assert dealt.item["raw_stderr"].div(exact.item["raw_stderr"]).between(0.85, 1.15).all()
    assert dealt.pooled.stderr / exact.pooled.stderr == pytest.approx(1, abs=0.3)
    groups = 1000 // 3 if level == "item" else 1000 // 6
    assert dealt.item["treated"].between(0.9 * groups, groups).all()
    assert any(f"{groups} random groups" in said for said in dealt.assumptions)
    assert not any("random groups" in said for said in exact.assumptions)


def _with_segments(dataset):
    user = dataset.interactions.frame()["user"].cat.codes.to_numpy()
    return dataset.with_columns([Column("segment", "segment", "categorical")], segment=pd.Categorical(user % 2))
