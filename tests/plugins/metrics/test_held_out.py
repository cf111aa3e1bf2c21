from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.aipw import AIPW
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.estimators.t_learner_eb import TLearnerEB
from causalkit_plugins.metrics.calibration_slope import CalibrationSlope
from causalkit_plugins.metrics.held_out_effect import HeldOutEffect

from causalkit.components import Context
from causalkit.errors import Interrupted
from causalkit.steps.lending import lent
from causalkit.types import RANKING_COLUMNS, Outputs, Ranking, Table
from tests.worlds import chain_world, personal_world


def run(world, estimator, training, effects=None):
    fitted = estimator.fit(training, world.estimand)
    effects = effects or fitted.effects_
    effects = replace(effects, item=effects.item.assign(status="estimated"))
    best = effects.item.dropna(subset=["effect"]).sort_values("effect", ascending=False)
    table = pd.DataFrame(
        {"scope": "overall", "who": "", "rank": np.arange(len(best)) + 1, "item": best.index, "score": best["effect"]}
    ).reset_index(drop=True)
    for name in RANKING_COLUMNS[5:]:
        table[name] = best[name].to_numpy() if name in best else "item"
    return Outputs(
        training,
        estimand=world.estimand,
        estimator=fitted,
        effects=effects,
        ranker="uplift",
        ranking=Ranking(table, "uplift"),
    )


def halves(world, week):
    weeks = sorted(world.dataset.interactions.data["week"].unique())
    cut = len(weeks) // 2
    return tuple(
        replace(world.dataset, interactions=world.dataset.interactions.only("week", part))
        for part in (weeks[:cut], weeks[cut:])
    )


@pytest.fixture(scope="module")
def personal():
    world = personal_world(seed=5, users=300, items=30, weeks=8, spread=0.06)
    training, test = halves(world, 4)
    return world, training, test


@pytest.mark.parametrize("metric", [HeldOutEffect(k=5), CalibrationSlope()], ids=repr)
def test_whoever_asks_to_stop_is_not_told_that_rows_cannot_be_estimated(metric, personal):
    world, training, test = personal
    outputs = run(world, DifferenceInMeans(), training)
    unseen = replace(test, interactions=Table(test.interactions.data.copy()))  # fits of the same rows are shared
    with pytest.raises(Interrupted):
        metric.measure(outputs, unseen, context=Context(cancelled=lambda: True))


def test_the_top_of_unshrunk_claims_gets_less_than_it_claims():
    world = personal_world(seed=5, users=150, items=40, weeks=4, spread=0.0)
    training, test = halves(world, 2)
    found = HeldOutEffect(k=5).measure(run(world, AIPW(), training), test)
    claimed = found.details["claimed"].mean()
    truth = world.item[found.details["item"]].mean()
    assert found.n == 5
    assert found.value < claimed - 0.03
    assert found.lower < truth < found.upper
    assert found.note.startswith(f"claimed {claimed:.4g}; 5 of 5 listed")


def test_calibrated_claims_have_a_slope_of_one_and_inflated_ones_less(personal):
    world, training, test = personal
    estimator = TLearnerEB(level="item", of=AIPW())
    made = run(world, estimator, training)
    good = CalibrationSlope().measure(made, test)
    assert good.lower < 1 < good.upper
    assert 0.6 < good.value < 1.5
    double = replace(
        made, effects=replace(made.effects, item=made.effects.item.assign(effect=2 * made.effects.item["effect"]))
    )
    assert CalibrationSlope().measure(double, test).value == pytest.approx(good.value / 2)
    rng = np.random.default_rng(0)
    noise = made.effects.item.assign(effect=rng.permutation(made.effects.item["effect"]))
    shuffled = CalibrationSlope().measure(replace(made, effects=replace(made.effects, item=noise)), test)
    assert shuffled.lower < 0.4
    assert shuffled.upper < 1


def test_the_slope_is_the_weighted_regression(personal):
    world, training, test = personal
    found = CalibrationSlope().measure(run(world, AIPW(), training), test)
    d = found.details
    w = 1 / d["stderr"] ** 2
    x = np.stack([np.ones(len(d)), d["claimed"]], 1)
    beta = np.linalg.solve((x.T * w.to_numpy()) @ x, (x.T * w.to_numpy()) @ d["held_out"].to_numpy())
    assert found.value == pytest.approx(beta[1])
    assert "independent" in found.note


def test_excluded_items_take_no_part(personal):
    world, training, test = personal
    made = run(world, AIPW(), training)
    table = made.effects.item.copy()
    table.loc[table.index[:10], "status"] = "refuted"
    found = CalibrationSlope().measure(replace(made, effects=replace(made.effects, item=table)), test)
    assert found.n == 20
    assert len(found.details) == 20


def test_chain_wide_logs_redraw_periods_and_widen_the_interval():
    world = chain_world(seed=1, items=20, weeks=20, effect=0.1)
    training, test = halves(world, 10)
    made = run(world, DifferenceInMeans(), training)
    redrawn = CalibrationSlope(resamples=30).measure(made, test)
    again = CalibrationSlope(resamples=30).measure(made, test)
    assert redrawn.note.endswith("30 draws of the 10 held-out periods")
    assert (redrawn.lower, redrawn.upper) == (again.lower, again.upper)
    assert redrawn.lower < redrawn.value < redrawn.upper
    top = HeldOutEffect(resamples=30).measure(made, test)
    truth = world.item[top.details["item"]].mean()
    assert top.lower < truth < top.upper


def test_panel_is_redrawn_on_its_cells_with_the_same_answer():
    panel = pytest.importorskip("causalkit_plugins.estimators.panel")
    world = chain_world(seed=1, items=12, weeks=24, effect=0.1)
    training, test = halves(world, 12)
    made = run(world, panel.Panel(), training)
    fast = HeldOutEffect(resamples=25).measure(made, test)

    class Slow:
        """The same estimator without its cells."""

        def __init__(self):
            self.inner = panel.Panel(min_units=2)  # as held-out refits take it

        def get_params(self, deep=False):
            return {}

        def fit(self, *args, **kwargs):
            self.effects_ = self.inner.fit(*args, **kwargs).effects_
            return self

    slow = HeldOutEffect(resamples=25).measure(replace(made, estimator=Slow()), test)
    assert fast.value == pytest.approx(slow.value)
    assert (fast.upper - fast.lower) == pytest.approx(slow.upper - slow.lower, rel=1e-6)


def test_too_few_items_and_hopeless_rows_are_nan_with_a_note(personal):
    world, training, test = personal
    made = run(world, AIPW(), training)
    assert "31 are needed" in CalibrationSlope(min_items=31).measure(made, test).note
    nobody = test.interactions.data.assign(exposed=np.int8(0))
    hopeless = replace(test, interactions=type(test.interactions)(nobody))
    for metric in (HeldOutEffect(), CalibrationSlope()):
        found = metric.measure(made, hopeless)
        assert np.isnan(found.value)
        assert found.note
    none = replace(test, interactions=type(test.interactions)(nobody.iloc[:0]))
    assert "cannot be estimated" in HeldOutEffect().measure(made, none).note


def test_the_runs_own_estimator_is_left_as_it_was(personal):
    world, training, test = personal
    made = run(world, TLearnerEB(of=AIPW()), training)
    before = made.estimator.effects_.item.copy()
    HeldOutEffect().measure(made, test)
    pd.testing.assert_frame_equal(made.estimator.effects_.item, before)
    own = HeldOutEffect(k=None, estimator=DifferenceInMeans()).measure(made, test)
    expected = DifferenceInMeans().fit(test, world.estimand).effects_.item["raw"].mean()
    assert own.value == pytest.approx(expected)


def test_one_fit_serves_several_rankings_of_the_same_rows(personal, monkeypatch):
    world, training, test = personal
    made = run(world, AIPW(), training)
    test = replace(test, interactions=type(test.interactions)(test.interactions.data))
    metric, calls, fit = HeldOutEffect(), [], AIPW.fit
    monkeypatch.setattr(AIPW, "fit", lambda self, *a, **k: calls.append(1) or fit(self, *a, **k))
    first = metric.measure(made, test)
    worst = replace(made.ranking, table=made.ranking.table.assign(rank=made.ranking.table["rank"].to_numpy()[::-1]))
    second = metric.measure(replace(made, ranking=worst), test)
    CalibrationSlope().measure(lent(made), lent(test))
    assert len(calls) == 1
    assert second.value < first.value
    other = replace(test, interactions=type(test.interactions)(test.interactions.data))
    metric.measure(made, other)
    assert len(calls) == 2


def test_nothing_is_kept_of_rows_that_are_gone(personal):
    import gc
    import weakref

    world, training, test = personal
    made = run(world, DifferenceInMeans(), training)
    rows = type(test.interactions)(test.interactions.data.copy())
    gone = weakref.ref(rows)
    HeldOutEffect().measure(made, replace(test, interactions=rows))
    del rows
    gc.collect()
    assert gone() is None
