from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from causalkit_plugins.estimators._shrinkage import ArmPrior, ArmSums, Priors, shrunken
from causalkit_plugins.estimators.aipw import AIPW
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.estimators.t_learner_eb import TLearnerEB

from causalkit.components import Context
from causalkit.errors import DataError
from causalkit.statistics import e_value
from causalkit.testing import effect_world
from tests.worlds import chain_world, personal_world


def top_effect(score: np.ndarray, truth: np.ndarray, k: int = 10) -> float:
    top = np.argsort(-score, 1)[:, :k]
    return float(np.take_along_axis(truth, top, 1).mean())


def matrix(world, estimator):
    effects = estimator.fit(world.dataset, world.estimand).effects_
    return effects.matrix(world.dataset.users.index, world.dataset.items.index)


def test_personalised_effects_rank_better_than_items_and_popularity():
    gains = []
    for seed in range(3):
        world = personal_world(seed, items=30, weeks=8, spread=0.02, pair_spread=0.1)
        pair = top_effect(matrix(world, TLearnerEB(of=AIPW()))[0], world.pair)
        item = top_effect(matrix(world, AIPW())[0], world.pair)
        gains.append(pair - item)
    assert min(gains) > 0.005


def test_claims_are_shrunk_enough_that_the_top_keeps_what_it_claims():
    claimed, kept, loose = [], [], []
    for seed in range(3):
        world = personal_world(seed, items=30, spread=0.02, pair_spread=0.1)
        for estimator, out in (
            (TLearnerEB(of=AIPW()), claimed),
            (TLearnerEB(k=2, arms="independent"), loose),
        ):
            effect = matrix(world, estimator)[0]
            out.append(top_effect(effect, effect) - top_effect(effect, world.pair))
        kept.append(top_effect(matrix(world, TLearnerEB(of=AIPW()))[0], world.pair))
    assert abs(np.mean(claimed)) < 0.25 * np.mean(kept)
    assert np.mean(loose) > np.mean(kept)


def test_without_pair_differences_pairs_stay_with_their_item():
    world = personal_world(0)
    effect, stderr, level = matrix(world, TLearnerEB(of=AIPW()))
    items = AIPW().fit(world.dataset, world.estimand).effects_.item["effect"].std()
    assert (level == 2).any()
    assert np.std(effect - effect.mean(0), axis=0).max() < 0.3 * items
    assert (np.abs(effect - world.pair) < 1.96 * stderr).mean() > 0.85


def test_a_base_rate_is_not_read_as_an_effect():
    """Cells that buy often when exposed and were never seen unexposed: joint arms hold back."""
    rng = np.random.default_rng(0)
    n = 4000
    base = 0.5 * rng.normal(size=n)
    n1, n0 = rng.integers(0, 8, n).astype(float), rng.integers(0, 8, n).astype(float)
    r1, r0 = (n * base + np.sqrt(n) * rng.normal(size=len(n)) for n in (n1, n0))
    cells = ArmSums(n1, r1 / np.sqrt(1.25), n0, r0 / np.sqrt(1.25))
    joint, apart = Priors.of(cells, None, joint=True), Priors.of(cells, None, joint=False)
    effects = [np.subtract(*prior.posterior(cells)[:2]) for prior in (joint, apart)]
    assert joint.likeliest.base == pytest.approx(4, rel=0.8)
    assert np.sqrt((effects[0] ** 2).mean()) < 0.15
    assert np.sqrt((effects[1] ** 2).mean()) > 0.3


def test_independent_arms_are_shrunken_means():
    cells = ArmSums(np.array([3.0]), np.array([2.0]), np.array([0.0]), np.array([0.0]))
    mean1, mean0, var1, *_ = ArmPrior(2.0).posterior(cells)
    assert mean1 == pytest.approx(2 / 5)
    assert mean0 == 0
    assert var1 == pytest.approx(1 / 5)


def test_the_chosen_strength_finds_the_planted_spread():
    rng = np.random.default_rng(1)
    n = 5000
    n1, n0 = rng.integers(1, 9, n).astype(float), rng.integers(1, 9, n).astype(float)
    base, effect = np.sqrt(1 / 20) * rng.normal(size=n), np.sqrt(1 / 8) * rng.normal(size=n)
    r1 = n1 * (base + effect) + np.sqrt(n1) * rng.normal(size=n)
    r0 = n0 * base + np.sqrt(n0) * rng.normal(size=n)
    cells = ArmSums(n1, r1 / np.sqrt(1 + 1 / 20 + 1 / 8), n0, r0 / np.sqrt(1 + 1 / 20))
    prior = Priors.of(cells, None, joint=True).likeliest
    assert 5 < prior.k < 13
    assert 10 < prior.base < 40


@pytest.mark.parametrize(("rows", "strength"), [(2, 8), (2, 30), (10, 30)])
def test_the_spread_is_not_halved_where_cells_have_few_rows(rows, strength):
    """Residuals come over their whole standard deviation, of which the spread is a part."""
    rng = np.random.default_rng(rows)
    n = 60_000
    n1, n0 = (rng.integers(1, 2 * rows, n).astype(float) for _ in range(2))
    effect = np.sqrt(1 / strength) * rng.normal(size=n)
    r1 = (n1 * effect + np.sqrt(n1) * rng.normal(size=n)) / np.sqrt(1 + 1 / strength)
    found = Priors.of(ArmSums(n1, r1, n0, np.sqrt(n0) * rng.normal(size=n)), None, joint=True)
    spread = found.weight @ [1 / prior.k for prior in found.priors]
    assert 1 / spread == pytest.approx(strength, rel=0.4)


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.1])
def test_intervals_of_pairs_cover_planted_effects(spread):
    covered = []
    for seed in range(3):
        world = personal_world(seed, users=200, pair_spread=spread)
        effect, stderr, _ = matrix(world, TLearnerEB(of=AIPW()))
        covered.append((np.abs(effect - world.pair) < 1.96 * stderr).mean())
    assert np.mean(covered) >= 0.86


def test_busy_cells_that_vary_more_are_not_read_as_effects():
    """Who is seen often also buys often, and so varies more."""
    rng = np.random.default_rng(0)
    n = 30_000
    n1 = rng.integers(1, 5, n).astype(float)
    item = np.repeat(np.arange(n), n1.astype(int))
    each = rng.normal(size=len(item)) * np.sqrt(0.7 + 0.15 * n1[item])
    r1, q1 = (np.bincount(item, x) for x in (each, each**2))
    none = np.zeros(n)
    told, untold = (Priors.of(ArmSums(n1, r1, none, none, q, none), None, joint=False) for q in (q1, None))
    assert min(prior.k for prior in told.priors) > 60
    assert untold.likeliest.k < 30


def test_shrunken_effects_have_less_error_than_raw_ones():
    rng = np.random.default_rng(2)
    truth = 0.1 + 0.02 * rng.normal(size=300)
    stderr = np.exp(rng.normal(-3, 0.7, 300))
    raw = truth + stderr * rng.normal(size=300)
    effect, error = shrunken(np.append(raw, np.nan), np.append(stderr, np.nan))
    assert np.isnan(effect[-1])
    assert ((effect[:-1] - truth) ** 2).mean() < 0.3 * ((raw - truth) ** 2).mean()
    assert (np.abs(effect[:-1] - truth) < 1.96 * error[:-1]).mean() == pytest.approx(0.95, abs=0.04)


def test_segments_of_a_chain_wide_log():
    world = chain_world(items=6, effect=0.1)
    effects = TLearnerEB(level="segment").fit(world.dataset, world.estimand).effects_
    assert len(effects.segment) == 12
    assert (effects.predict(["h0"], ["i000"])["level"] == "segment").all()
    with pytest.raises(DataError, match="level 'pair' needs a user column"):
        TLearnerEB().fit(world.dataset, world.estimand)


def test_item_level_shrinks_and_keeps_raw():
    world = personal_world(0, spread=0.0)
    table = TLearnerEB(level="item").fit(world.dataset, world.estimand).effects_.item
    assert table["effect"].std() < 0.5 * table["raw"].std()
    assert TLearnerEB(level="item").fit(world.dataset, world.estimand).effects_.pair.empty


def test_what_of_has_shared_is_not_shrunk_again():
    world = personal_world(0, users=60, items=5)
    inner = TLearnerEB(level="item")
    outer = TLearnerEB(of=TLearnerEB(level="item")).fit(world.dataset, world.estimand)
    expected = inner.fit(world.dataset, world.estimand).effects_.item["effect"]
    np.testing.assert_allclose(outer.effects_.item["effect"], expected)


def test_rates_give_every_user_an_effect_even_without_rows_of_the_pair():
    world = personal_world(0, users=60, items=5)
    rows = world.dataset.interactions.data
    keep = ~((rows["user"] == "u0001") & (rows["item"] == "i001"))
    dataset = replace(world.dataset, interactions=type(world.dataset.interactions)(rows[keep]))
    effects = TLearnerEB(users="rate").fit(dataset, world.estimand).effects_
    found = effects.predict(["u0001"], ["i001"])
    assert found["level"].tolist() == ["pair"]
    assert np.isfinite(found["effect"]).all()


def test_an_item_without_estimate_stays_unknown():
    world = personal_world(0, users=60, items=5)
    rows = world.dataset.interactions.data.copy()
    rows.loc[rows["item"] == "i001", "exposed"] = 0
    dataset = replace(world.dataset, interactions=type(world.dataset.interactions)(rows))
    effects = TLearnerEB(of=DifferenceInMeans()).fit(dataset, world.estimand).effects_
    assert np.isnan(effects.matrix(["u0001"], ["i001"])[0]).all()
    assert effects.item.loc["i001", "reason"]


def test_pooled_is_that_of_of_or_the_mean_of_items():
    world = personal_world(0, users=80, items=5)
    held = TLearnerEB(of=AIPW()).fit(world.dataset, world.estimand).effects_.pooled
    assert held == AIPW().fit(world.dataset, world.estimand, context=Context().under("of")).effects_.pooled
    own = TLearnerEB().fit(world.dataset, world.estimand).effects_
    assert own.pooled.effect == pytest.approx(own.item["raw"].mean())
    assert own.pooled.lower < world.item.mean() < own.pooled.upper


def test_segments_do_not_take_back_what_their_item_was_shrunk_by():
    """Chain-wide noise moves all segments of an item alike; it is the item's, and shrunk there."""
    world = chain_world(seed=3, items=40, weeks=12, segments=3, effect=0.0)
    effects = TLearnerEB(level="segment", of=DifferenceInMeans()).fit(world.dataset, world.estimand).effects_
    own = effects.item["effect"].reindex(effects.segment["item"]).to_numpy()
    assert effects.item["raw"].std() > 0.01
    assert np.abs(effects.segment["effect"] - own).max() < 0.3 * effects.item["raw"].std()


def test_the_held_estimator_stays_unfitted_and_e_values_are_those_of_shrunken_effects():
    world = personal_world(1, users=60, items=5)
    made = TLearnerEB(of=AIPW()).fit(world.dataset, world.estimand)
    assert not hasattr(made.of, "effects_")
    table = made.effects_.item
    assert not np.allclose(table["effect"], table["raw"])
    np.testing.assert_allclose(table["e_value"], e_value(table["effect"], table["baseline"]))


def test_errors_of_items_carry_what_the_adjustment_leaves_open():
    """Where exposed rows lie far from unexposed ones, what is expected of them is itself uncertain."""
    errors = []
    for seed in range(10):
        world = effect_world("confounded-by-calendar", seed)
        table = TLearnerEB(level="item").fit(world.dataset, world.estimand).effects_.item
        errors += list((table["raw"] - world.effect) / table["raw_stderr"])
    assert 0.8 < np.sqrt(np.mean(np.square(errors))) < 1.3
