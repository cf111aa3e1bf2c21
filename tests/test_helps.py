"""The evaluation that `benchmarks/encoders/helps.py` rests on, where the answer is known."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.shared import Shared

from tests.planted_panels import planted_panel

PLACE = Path(__file__).parents[1] / "benchmarks/encoders/_cold.py"


@pytest.fixture(scope="module")
def cold():
    return runpy.run_path(str(PLACE))


def _held(cold, n=2000, draws=200, seed=0):
    """True effects, and noisy held-out ones with redrawn periods whose noise is drawn anew."""
    rng = np.random.default_rng(seed)
    true, stderr = rng.normal(size=n), rng.uniform(0.5, 1.5, n)
    effect = true + stderr * rng.normal(size=n)
    redrawn = effect + stderr * rng.normal(size=(draws, n))
    counts = rng.multinomial(n, np.full(n, 1 / n), draws).astype(float)
    return true, cold["HeldOut"](pd.Index(range(n)), effect, stderr, redrawn, counts)


def test_error_takes_off_the_held_out_noise(cold):
    true, held = _held(cold)
    off = cold["Claims"]((true + 0.5)[None], np.full((1, len(true)), 0.5))
    value, low, high = cold["error"](off, held)
    assert value == pytest.approx(0.5, abs=0.05)
    assert low < 0.5 < high
    assert cold["error"](cold["Claims"](true[None]), held)[0] < 0.2


def test_difference_is_the_share_that_was_planted(cold):
    """Errors of .5 and of 1: the mean square is three quarters smaller; and equal claims do not differ at all."""
    inside = []
    for seed in range(20):
        true, held = _held(cold, n=500, seed=seed)
        small, large = cold["Claims"]((true + 0.5)[None]), cold["Claims"]((true + 1.0)[None])
        value, low, high = cold["difference"](small, large, held)
        assert low < value < high
        inside.append(low < -0.75 < high)
        assert cold["difference"](large, large, held) == (0, 0, 0)
    assert np.mean(inside) >= 0.85


def test_a_period_without_an_estimate_counts_for_nothing(cold):
    true, held = _held(cold, n=300)
    a, b = cold["Claims"]((true + 0.5)[None]), cold["Claims"]((true + 1.0)[None])
    held.redrawn[:, :50] = np.nan
    held.redrawn[7] = np.nan
    value, low, high = cold["difference"](a, b, held)
    assert low < value < high


def test_intervals_hold_as_often_as_they_say(cold):
    true, held = _held(cold)
    rng = np.random.default_rng(1)
    honest = cold["Claims"]((true + 0.3 * rng.normal(size=len(true)))[None], np.full((1, len(true)), 0.3))
    bold = cold["Claims"](honest.effect + 3, honest.stderr)
    assert cold["covered"](honest, held) == pytest.approx(0.95, abs=0.015)
    assert cold["covered"](bold, held) < 0.4


def test_the_best_fifth_is_the_fifth_with_the_highest_claims(cold):
    true, held = _held(cold)
    found = cold["of_the_best"](cold["Claims"](true[None]), held)
    assert found[0] == pytest.approx(held.effect[np.argsort(-true)[: len(true) // 5]].mean())
    assert found[1] < found[0] < found[2]
    alike = cold["of_the_best"](cold["Claims"](np.ones((1, len(true)))), held)
    assert alike[0] == pytest.approx(held.effect.mean())


def test_folds_hold_each_item_once(cold):
    items = pd.Index([f"i{k}" for k in range(23)])
    parts = cold["folds"](items, 5, 0)
    assert sorted(item for part in parts for item in part) == sorted(items)
    assert {len(part) for part in parts} == {4, 5}
    assert not parts[0].equals(cold["folds"](items, 5, 1)[0])


def test_items_made_cold_have_no_effect_of_their_own_and_are_predicted(cold):
    world = planted_panel(0, items=30, text=0.8)
    gone = world.dataset.items.index[:6]
    rows = world.dataset.interactions.frame()
    kept = cold["without"](world.dataset, gone, unexposed=True).interactions.frame()
    assert not kept.loc[kept["item"].isin(gone), "exposed"].any()
    assert len(kept) == len(rows) - (rows["item"].isin(gone) & (rows["exposed"] > 0)).sum()
    new = cold["without"](world.dataset, gone, unexposed=False)
    assert not new.interactions.frame()["item"].isin(gone).any()
    assert len(new.items) == 30


def test_given_effects_are_shared_as_if_they_were_estimated_again(cold):
    from causalkit_plugins.estimators.panel import Panel

    world = planted_panel(1, items=30, cold=4)
    raw = Panel().fit(world.dataset, world.estimand).effects_
    once = Shared(of=cold["given"](raw)).fit(world.dataset, world.estimand).effects_.item
    again = Shared(of=Panel()).fit(world.dataset, world.estimand).effects_.item
    pd.testing.assert_frame_equal(once, again)


def test_naive_claims_are_means_by_precision(cold):
    table = pd.DataFrame({"raw": [1.0, 3.0, 8.0, np.nan], "raw_stderr": [1.0, 1.0, 2.0, np.nan]}, index=list("abcd"))
    group = pd.Series(["x", "x", "y", "y", "z"], index=list("abcde"), name="department")
    mean, by_group = cold["naive"](table, group)
    assert mean.tolist() == pytest.approx([6 / 2.25] * 5)
    assert by_group.tolist() == pytest.approx([2, 2, 8, 8, 6 / 2.25])


def test_held_out_effects_near_what_was_planted(cold):
    world = planted_panel(2, items=60, spread=0.2)
    held = cold["held_out"](world.dataset, world.estimand, 40, 0)
    assert len(held.items) == 60
    assert np.corrcoef(held.effect, world.effect.reindex(held.items))[0, 1] > 0.7
    some = held.at(held.items[[5, 2]])
    assert some.effect.tolist() == held.effect[[5, 2]].tolist()
    assert some.redrawn.shape == some.counts.shape == (40, 2)
    true = cold["Claims"](world.effect.reindex(held.items).to_numpy()[None])
    assert cold["error"](true, held)[0] < 0.5 * world.effect.std()
