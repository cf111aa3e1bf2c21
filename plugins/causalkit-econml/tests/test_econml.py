"""EconML's estimators: its own averages, errors by assignment unit, and a reason wherever there is no answer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from causalkit_econml._average import doubly_robust, projected
from causalkit_econml._parts import Part, parts_of
from causalkit_econml.causal_forest import CausalForestDML
from causalkit_econml.dr_learner import DRLearner
from causalkit_econml.linear_dml import LinearDML

from causalkit import Context, build, run
from causalkit.testing import effect_world

ALL = [LinearDML(folds=2), CausalForestDML(folds=2, trees=48), DRLearner(folds=2)]
NAMES = ["linear-dml", "causal-forest-dml", "dr-learner"]


def varied(n=3000, seed=0):
    """One item whose effect is 1 + x0, exposed more often where x0 is high: ATE 1, ATT above it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    t = (rng.random(n) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)
    y = x @ [1.0, 0.5] + t * (1 + x[:, 0]) + rng.normal(size=n)
    att = float((1 + x[t > 0, 0]).mean())
    return Part(0, np.arange(n), np.ones(n), t, y, x, seed=1), att


@pytest.mark.parametrize("estimator", ALL, ids=NAMES)
def test_the_average_is_over_all_rows_or_over_exposed_ones(estimator):
    part, truth = varied()
    ate, att = (estimator.average(part, att=target) for target in (False, True))
    assert abs(ate.effect - 1) < 3 * ate.stderr(part)
    assert abs(att.effect - truth) < 3 * att.stderr(part)
    assert att.effect - ate.effect > 0.2
    assert ate.baseline == pytest.approx(0, abs=0.15)


def test_linear_dml_is_econml_s_own_average():
    from econml.dml import LinearDML as Model
    from sklearn.linear_model import Ridge

    part, _ = varied(600)
    model = Model(
        model_y=Ridge(),
        model_t=LinearDML().classifier(1),
        discrete_treatment=True,
        cv=part.splits(3),
        random_state=1,
    )
    model.fit(part.y, part.t.astype(int), X=part.x)
    found = LinearDML().average(part, att=False)
    assert found.effect == pytest.approx(float(model.ate(part.x)), abs=1e-8)
    assert found.stderr(part) == pytest.approx(float(model.ate_inference(part.x).stderr_mean), rel=0.25)


def test_dr_learner_is_econml_s_own_average():
    from econml.dr import LinearDRLearner as Model
    from sklearn.linear_model import Ridge

    part, _ = varied(600)
    model = Model(
        model_regression=Ridge(),
        model_propensity=DRLearner().classifier(1),
        min_propensity=0.01,
        cv=part.splits(3),
        random_state=1,
    )
    model.fit(part.y, part.t.astype(int), X=part.x)
    assert DRLearner().average(part, att=False).effect == pytest.approx(float(model.ate(part.x)), abs=1e-8)


def test_causal_forest_is_econml_s_own_doubly_robust_average():
    from econml.dml import CausalForestDML as Model
    from sklearn.linear_model import Ridge

    part, _ = varied(600)
    model = Model(
        model_y=Ridge(),
        model_t=LinearDML().classifier(1),
        discrete_treatment=True,
        cv=part.splits(3),
        n_estimators=48,
        min_samples_leaf=10,
        n_jobs=1,
        random_state=part.seed,
    )
    model.fit(part.y, part.t.astype(int), X=part.x)
    found = CausalForestDML(trees=48).average(part, att=False)
    assert found.effect == pytest.approx(float(model.ate_.item()), abs=1e-6)
    assert found.stderr(part) == pytest.approx(float(model.ate_stderr_.item()), rel=0.05)


@pytest.mark.parametrize("estimator", ALL, ids=NAMES)
def test_errors_follow_the_assignment_unit(estimator):
    part, _ = varied(300)
    again = {name: np.repeat(getattr(part, name), 5, axis=0) for name in ("unit", "w", "t", "y", "x")}
    clustered = dataclasses.replace(part, **again)
    alone = dataclasses.replace(clustered, unit=np.arange(1500))
    found = estimator.average(clustered, att=False)
    assert found.stderr(clustered) == pytest.approx(found.stderr(alone) * 5**0.5, rel=0.05)


def test_a_unit_is_never_on_both_sides_of_a_fold_and_folds_have_both_arms():
    rng = np.random.default_rng(0)
    unit = rng.integers(0, 30, 500)
    t = (unit % 3 == 0).astype(float)
    part = Part(0, unit, np.ones(500), t, rng.normal(size=500), rng.normal(size=(500, 2)), seed=3)
    held = np.concatenate([test for _, test in part.splits(5)])
    assert sorted(held) == list(range(500))
    for train, test in part.splits(5):
        assert not set(unit[train]) & set(unit[test])
        assert 0 < t[train].mean() < 1
        assert 0 < t[test].mean() < 1


def test_the_averages_by_hand():
    part = Part(0, np.arange(4), np.ones(4), np.array([1.0, 1, 0, 0]), np.array([3.0, 5, 1, 1]), np.zeros((4, 1)), 0)
    half, zero = np.full(4, 0.5), np.zeros(4)
    assert doubly_robust(part, half, zero, zero, att=False, clip=0.01).effect == pytest.approx(3)
    assert doubly_robust(part, half, zero, zero, att=True, clip=0.01).effect == pytest.approx(3)
    tau, t_left = np.full(4, 3.0), part.t - 0.5
    found = projected(part, np.ones((4, 1)), tau, part.y - part.y.mean(), t_left, att=False, clip=0.01)
    assert found.effect == 3
    assert found.baseline == pytest.approx(1)
    assert found.score.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_estimated_says_why(name):
    world = effect_world("randomised")
    column = world.estimand.outcome
    rows = world.dataset.interactions.frame(list(world.dataset.interactions.columns))
    items = sorted(rows[world.dataset.item].astype(str).unique())
    rows.loc[rows[world.dataset.item].astype(str) == items[0], column] = 0.0
    rows.loc[rows[world.dataset.item].astype(str) == items[1], world.estimand.treatment] = 1
    from causalkit.types import Table

    log = dataclasses.replace(world.dataset, interactions=Table(rows))
    found = build("estimator", name, folds=2).fit(log, world.estimand).effects_.item
    assert found.loc[items[0], "reason"] == "the outcome never varies"
    assert "no unexposed" in found.loc[items[1], "reason"]
    assert found.loc[items[:2], "effect"].isna().all()
    assert found.loc[items[2:], "effect"].notna().all()


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"seconds": 1e-9}, "the time limit of 1e-09 s was reached"),
        ({"max_rows": 100}, "rows; LinearDML was held to 100"),
        ({"min_units": 10_000}, "needs 10000"),
    ],
)
def test_limits_leave_items_without_an_estimate_and_say_so(params, why):
    world = effect_world("randomised")
    found = LinearDML(**params).fit(world.dataset, world.estimand).effects_.item
    assert found["effect"].isna().all()
    assert found["reason"].str.contains(why, regex=False).all()


def test_what_econml_raises_is_that_item_s_reason(monkeypatch):
    world = effect_world("randomised")
    average = LinearDML.average

    def fail_once(self, part, *, att):
        if part.code == 0:
            raise RuntimeError("not this one\nand more")
        return average(self, part, att=att)

    monkeypatch.setattr(LinearDML, "average", fail_once)
    found = LinearDML(folds=2).fit(world.dataset, world.estimand).effects_.item.loc[world.dataset.items.index]
    assert found["reason"].iloc[0] == "EconML failed: RuntimeError: not this one"
    assert found["effect"].notna().sum() == len(found) - 1


def test_progress_is_told_item_by_item():
    told = []

    class Bar:
        def track(self, items, label, total):
            told.append((label, total))
            yield from items

    world = effect_world("randomised")
    LinearDML(folds=2).fit(world.dataset, world.estimand, context=Context(progress=Bar()))
    assert ("LinearDML, item by item", len(world.dataset.items)) in told


def test_forests_as_nuisance_models_and_what_is_then_assumed():
    world = effect_world("nonlinear")
    parts, unit = parts_of(world.dataset, world.estimand, Context(), 50_000)
    assert unit
    found = LinearDML(nuisance="forest", folds=2).average(parts[0], att=False)
    truth = world.effect.loc[world.dataset.items.index[parts[0].code]]
    assert abs(found.effect - truth) < 4 * found.stderr(parts[0])
    assert "linearity" not in LinearDML(nuisance="forest").assumes
    assert "linearity" in LinearDML().assumes


def test_one_line_of_a_config_selects_one(tmp_path):
    config = {
        "data": {"use": "simulated", "params": {"users": 200, "items": 5, "weeks": 6, "seed": 1}},
        "split": {"by": "random"},
        "estimate": {"item": {"use": "linear-dml", "params": {"folds": 2}}},
        "evaluate": [],
    }
    made = run(config, runs_dir=tmp_path / "runs")
    assert made.status == "done"
    assert made.effects.item["effect"].notna().any()
    assert made.result.versions["causalkit-econml"] == "0.1.0"
