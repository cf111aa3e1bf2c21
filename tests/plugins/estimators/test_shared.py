from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators import _shared_fit as model
from causalkit_plugins.estimators._shared_noise import moderated_variance
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.estimators.panel import Panel
from causalkit_plugins.estimators.shared import Shared

from causalkit.errors import DataError, InvalidParameter
from causalkit.types import Embeddings, EmbeddingTable
from tests.planted_panels import SEGMENTS, planted_panel
from tests.worlds import personal_world


def _embeddings(world, noise=False):
    vectors = np.random.default_rng(9).normal(size=world.vectors.shape) if noise else world.vectors
    return Embeddings(item=EmbeddingTable(world.dataset.items.index, vectors.astype(np.float32), "planted"))


def _shared(world, embeddings=None, **params):
    return Shared(of=Panel(), **params).fit(world.dataset, world.estimand, embeddings)


def _slope(claimed, true):
    return float(np.polyfit(claimed, true, 1)[0])


def _error(effect, true):
    return float(((effect - true) ** 2).mean())


def test_sharing_lowers_error_and_calibrates_and_text_that_tells_lowers_it_further():
    rows = []
    for seed in range(4):
        world = planted_panel(seed, text=0.8, spread=0.2, households=600, noise=0.2)
        told, plain = _shared(world, _embeddings(world)).effects_.item, _shared(world).effects_.item
        has = told["raw"].notna()
        true = world.effect[has]
        rows.append([_error(t[has], true) for t in (told["effect"], plain["effect"], told["raw"])])
        rows[-1] += [_slope(told["effect"][has], true), _slope(told["raw"][has], true)]
    told, plain, raw, slope, raw_slope = np.mean(rows, axis=0)
    assert told < 0.75 * plain
    assert plain < 0.8 * raw
    assert 0.85 < slope < 1.15
    assert raw_slope < 0.8


def test_text_that_tells_nothing_does_no_harm():
    ratio = []
    for seed in range(4):
        world = planted_panel(seed, items=60, text=0.0, households=600)
        told, plain = _shared(world, _embeddings(world, noise=True)).effects_.item, _shared(world).effects_.item
        has = told["raw"].notna()
        ratio.append(_error(told["effect"][has], world.effect[has]) / _error(plain["effect"][has], world.effect[has]))
    assert np.mean(ratio) < 1.05


def test_intervals_cover_estimated_and_predicted_effects():
    inside, cold = [], []
    for seed in range(4):
        world = planted_panel(seed, items=120, text=0.8, spread=0.2, cold=30)
        table = _shared(world, _embeddings(world)).effects_.item
        covered = (table["lower"] < world.effect) & (world.effect < table["upper"])
        has = table["raw"].notna()
        inside.append(covered[has].mean())
        cold.append(covered[~has].mean())
        assert table.loc[~has, "effect"].notna().all()
        assert table.loc[~has, "stderr"].median() > table.loc[has, "stderr"].median()
        assert np.corrcoef(table.loc[~has, "effect"], world.effect[~has])[0, 1] > 0.6
    assert 0.9 < np.mean(inside) < 0.99
    assert 0.88 < np.mean(cold) <= 1.0


def test_raw_columns_and_the_ladder_stay_as_they_are():
    world = planted_panel(items=30, cold=4)
    base = Panel().fit(world.dataset, world.estimand).effects_
    shared = _shared(world).effects_
    kept = ["raw", "raw_stderr", "p", "q", "treated", "control", "ess", "baseline", "reason", "df", "smooth_stderr"]
    pd.testing.assert_frame_equal(shared.item[kept], base.item[kept])
    pd.testing.assert_frame_equal(shared.ladder, base.ladder)
    assert shared.pooled == base.pooled


def test_relative_effects_are_found_to_be_relative_and_absolute_ones_absolute():
    world = planted_panel(2, items=100, spread=0.1)
    relative = _shared(world)
    assert relative.choices_.loc[relative.chosen_, "scale"] == "relative"
    base = planted_panel(2, items=100, spread=0.0, relative=0.0, arms=(0.02, 0.0))
    absolute = _shared(base)
    assert absolute.choices_.loc[absolute.chosen_, "scale"] == "absolute"
    assert _shared(base, scale="relative").choices_["scale"].unique().tolist() == ["relative"]


def test_a_group_that_tells_is_used():
    world = planted_panel(3, items=90, spread=0.0)
    kind = pd.Categorical(np.where(world.effect.rank() % 2 == 0, "a", "b"))
    rng = np.random.default_rng(0)
    y = np.where(kind == "a", 0.1, -0.1) + 0.05 * rng.normal(size=90)
    solved = model.fit(y, np.full(90, 0.05**2), [model.group_block(kind.codes.astype(np.int64))])
    assert solved.s[1] > 2 * solved.s[0]
    mean, _ = model.predicted(np.eye(2), solved)
    np.testing.assert_allclose(mean, [0.1, -0.1], atol=0.02)


def test_likelihood_leave_one_out_and_gradient_agree_with_brute_force():
    rng = np.random.default_rng(1)
    y, v = rng.normal(size=12), rng.uniform(0.1, 0.5, 12)
    block = rng.normal(size=(12, 3))
    s = np.array([0.4, 0.7])
    solved = model.solve(y, v, [block], s)
    k = np.diag(s[0] ** 2 + v) + s[1] ** 2 * block @ block.T

    def likelihood(at):
        inverse, one, rest = np.linalg.inv(k[np.ix_(at, at)]), np.ones(len(at)), y[at]
        mean = one @ inverse @ rest / (one @ inverse @ one)
        left = rest - mean
        terms = left @ inverse @ left - np.linalg.slogdet(inverse)[1] + np.log(one @ inverse @ one)
        return -0.5 * terms, mean, inverse, left

    assert solved.likelihood == pytest.approx(likelihood(np.arange(12))[0])
    others = np.arange(1, 12)
    _, mean, inverse, left = likelihood(others)
    cross = k[0, others]
    expected = mean + cross @ inverse @ left
    short = 1 - cross @ inverse @ np.ones(11)
    variance = k[0, 0] - cross @ inverse @ cross + short**2 / inverse.sum()
    density = -0.5 * (np.log(2 * np.pi * variance) + (y[0] - expected) ** 2 / variance)
    assert model.held_out(solved)[0] == pytest.approx(density)
    prior = k - np.diag(v)
    posterior = solved.mean + prior @ np.linalg.inv(k) @ (y - solved.mean)
    np.testing.assert_allclose(model.shrunk(y, v, solved)[0], posterior)
    step = 1e-6
    numeric = [
        (model.solve(y, v, [block], s * np.exp(step * e)).likelihood - solved.likelihood) / step for e in np.eye(2)
    ]
    np.testing.assert_allclose(model.gradient(solved, [3]), numeric, rtol=1e-3, atol=1e-4)


def test_segments_average_to_the_item_and_follow_their_rates():
    world = planted_panel(items=20, segmented=True, households=3000)
    effects = _shared(world).effects_
    wide = effects.segment.pivot(index="item", columns="segment", values="effect")[list(SEGMENTS)]
    np.testing.assert_allclose(wide.mean(axis=1), effects.item["effect"].reindex(wide.index), rtol=1e-3)
    np.testing.assert_allclose((wide["many"] / wide["few"]).median(), 3.0, rtol=0.15)
    assert (effects.segment["stderr"] > 0).all()
    assert not len(_shared(world, segments=None).effects_.segment)


@pytest.mark.parametrize("items", [2, 3, 5, 8])
def test_few_items_stay_stable(items):
    world = planted_panel(1, items=items)
    shared = _shared(world, _embeddings(world))
    table = shared.effects_.item
    has = table["raw"].notna()
    assert table.loc[has, ["effect", "stderr"]].notna().all(axis=None)
    assert (np.abs(table["effect"] - table["raw"])[has] < 4 * table["raw_stderr"][has]).all()
    assert (table["stderr"][has] <= 1.5 * table["raw_stderr"][has]).all()
    if has.sum() < 4:
        np.testing.assert_array_equal(table["effect"][has], table["raw"][has])
        assert "Nothing is shared" in shared.effects_.assumptions[-1]


def test_any_estimator_can_be_shared():
    world = personal_world(users=200, items=20, spread=0.02)
    shared = Shared(of=DifferenceInMeans()).fit(world.dataset, world.estimand).effects_.item
    assert shared["effect"].std() < shared["raw"].std()
    assert np.isfinite(shared["effect"]).all()


def test_order_of_items_changes_nothing():
    world = planted_panel(items=30, cold=3)
    turned = replace(world.dataset, items=world.dataset.items.iloc[::-1])
    a = _shared(world, _embeddings(world)).effects_.item
    b = Shared(of=Panel()).fit(turned, world.estimand, _embeddings(world)).effects_.item
    pd.testing.assert_frame_equal(a, b.reindex(a.index), rtol=1e-4, atol=1e-7)


def test_without_vector_or_group_nothing_is_predicted():
    world = planted_panel(items=30, cold=3)
    table = _shared(world, group=None).effects_.item
    assert table["effect"].isna().sum() == table["raw"].isna().sum() >= 3


def test_a_wrong_group_and_a_missing_estimator_are_refused():
    world = planted_panel(items=8)
    with pytest.raises(DataError, match=r"shared.group = 'kindd'.*did you mean 'kind'"):
        _shared(world, group="kindd")
    with pytest.raises(InvalidParameter, match="of: required, and missing"):
        Shared()


def test_moderated_variance_recovers_a_common_scale():
    rng = np.random.default_rng(0)
    model_variance = np.exp(rng.normal(size=400))
    df = np.full(400, 10.0)
    true = 2.0 * model_variance
    seen = true * rng.chisquare(df) / df
    smooth = moderated_variance(seen, df, model_variance)
    assert np.abs(np.log(smooth / true)).mean() < 0.3 * np.abs(np.log(seen / true)).mean()
    np.testing.assert_array_equal(moderated_variance(seen[:3], df[:3], model_variance[:3]), seen[:3])


def test_left_out_items_say_how_calibrated_predictions_are():
    """Closed form against refits without the item, its group's variance kept."""
    rng = np.random.default_rng(0)
    v = rng.uniform(0.5, 2, 40)
    block = model.group_block(rng.integers(0, 5, 40))
    y = 1 + block @ rng.normal(size=5) + rng.normal(size=40) + np.sqrt(v) * rng.normal(size=40)
    s = np.array([1.0, 1.0])
    held = []
    for i in range(40):
        rest = np.arange(40) != i
        solved = model.solve(y[rest], v[rest], [block[rest]], s)
        mean, variance = model.predicted(block[[i]], solved)
        held.append(abs(y[i] - mean[0]) < 1.959964 * np.sqrt(variance[0] + v[i]))
    assert model.held_share(model.solve(y, v, [block], s)) == pytest.approx(np.mean(held))
    world = planted_panel(1, text=0.5)
    assert "intervals held 9" in _shared(world, _embeddings(world)).effects_.assumptions[-1]


@pytest.mark.parametrize(("times", "said"), [((0.5, 1.0, 1.5), "no departure"), ((1.0, 1.0, 1.0), "they do not")])
def test_segments_cover_and_say_where_responses_are_not_in_proportion(times, said):
    """Segments have the outcome .5, 1 and 1.5 times as often; effects follow that, or are alike for all."""
    covered, notes = [], []
    for seed in range(3):
        world = planted_panel(seed, items=80, segmented=True, multiple=(0.5, 1.0, 1.5), response=times)
        effects = _shared(world).effects_
        ratio = pd.Series(times, SEGMENTS).reindex(effects.segment["segment"]).to_numpy()
        true = world.effect.reindex(effects.segment["item"]).to_numpy() * ratio
        covered.append(((effects.segment["lower"] < true) & (true < effects.segment["upper"])).mean())
        notes.append(effects.assumptions[-1])
    assert 0.88 < np.mean(covered) < 0.99
    assert sum(said in note for note in notes) >= 2
