from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators._batched import batches, dealt_folds, logistic, ridge, standardised
from causalkit_plugins.estimators.aipw import AIPW
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans

from causalkit.components import Context, component
from causalkit.errors import ComponentError, DataError
from causalkit.types import Column, Propensities, Table
from tests.testing.mutants.propensity import Logistic
from tests.worlds import chain_world, personal_world


@pytest.mark.parametrize("target", ["ate", "att"])
def test_intervals_cover_planted_effects_that_the_naive_contrast_misses(target):
    covered, bias, naive_bias = [], [], []
    for seed in range(5):
        world = personal_world(seed, users=400)
        estimand = replace(world.estimand, target=target)
        table = AIPW().fit(world.dataset, estimand).effects_.item
        naive = DifferenceInMeans().fit(world.dataset, estimand).effects_.item
        covered.append(((table["lower"] <= world.item) & (world.item <= table["upper"])).mean())
        bias.append((table["effect"] - world.item).mean())
        naive_bias.append((naive["effect"] - world.item).mean())
    assert 0.88 <= np.mean(covered) <= 0.99
    assert abs(np.mean(bias)) < 0.01
    assert np.mean(naive_bias) > 0.03


def test_pooled_covers_the_mean_effect():
    misses = []
    for seed in range(10):
        world = personal_world(seed, users=200)
        pooled = AIPW().fit(world.dataset, world.estimand).effects_.pooled
        misses.append(abs(pooled.effect - world.item.mean()) / pooled.stderr)
        assert pooled.items == 20
    assert sum(miss > 1.96 for miss in misses) <= 2
    assert max(misses) < 3.5


def test_frequency_weights_equal_repeated_rows():
    world = personal_world(1, users=60, items=4)
    rows = world.dataset.interactions.data
    schema = world.dataset.schema
    doubled = replace(world.dataset, interactions=Table(pd.concat([rows, rows], ignore_index=True)))
    weighted = replace(
        world.dataset, interactions=Table(rows.assign(w=2)), schema=schema.with_columns([Column("w", "weight")])
    )
    a = AIPW().fit(doubled, world.estimand).effects_.item
    b = AIPW().fit(weighted, world.estimand).effects_.item
    np.testing.assert_allclose(a["effect"], b["effect"], rtol=1e-6)
    np.testing.assert_allclose(a["stderr"], b["stderr"], rtol=1e-6)


def test_a_row_of_weight_n_is_n_independent_rows_where_no_unit_is_declared():
    world = personal_world(1, users=60, items=4)
    rows, schema = world.dataset.interactions.data, replace(world.dataset.schema, assignment=())
    times = np.random.default_rng(0).integers(1, 4, len(rows))
    expanded = Table(rows.loc[rows.index.repeat(times)].reset_index(drop=True))
    weighted = schema.with_columns([Column("w", "weight")])
    a = AIPW().fit(replace(world.dataset, interactions=expanded, schema=schema), world.estimand).effects_
    counted = replace(world.dataset, interactions=Table(rows.assign(w=times)), schema=weighted)
    b = AIPW().fit(counted, world.estimand).effects_
    pd.testing.assert_frame_equal(a.item, b.item, rtol=1e-10)
    assert b.pooled.stderr == pytest.approx(a.pooled.stderr, rel=1e-10)


def test_the_pooled_error_carries_the_spread_between_items():
    """With items' own effects far apart, the mean of those at hand is a rough guide to their like."""
    alike, apart = (personal_world(0, users=150, spread=spread) for spread in (0.0, 0.1))
    error = [AIPW().fit(w.dataset, w.estimand).effects_.pooled.stderr for w in (alike, apart)]
    spread = apart.item.std() / np.sqrt(len(apart.item))
    assert error[0] < 0.8 * spread < error[1]


def test_items_of_very_unequal_row_counts_are_estimated_as_if_alone():
    world = personal_world(2, users=120, items=6)
    rows = world.dataset.interactions.data
    keep = (rows["item"] != "i002") | (rows["user"].cat.codes < 40)
    uneven = replace(world.dataset, interactions=Table(rows[keep].reset_index(drop=True)))
    alone = replace(uneven, interactions=uneven.interactions.only("item", ["i002"]))
    together, single = (AIPW().fit(d, world.estimand).effects_.item.loc["i002"] for d in (uneven, alone))
    assert together["treated"] == single["treated"]
    assert together["effect"] == pytest.approx(single["effect"], rel=1e-9)


def test_clusters_are_followed_where_exposure_is_chain_wide():
    rejected = []
    for seed in range(3):
        world = chain_world(seed)
        rejected.append((AIPW().fit(world.dataset, world.estimand).effects_.item["p"] < 0.05).mean())
    assert np.mean(rejected) < 0.12


def test_too_few_units_and_never_exposed_say_why():
    world = personal_world(0, users=30, items=3)
    rows = world.dataset.interactions.data.copy()
    rows.loc[rows["item"] == "i001", "exposed"] = 0
    rows.loc[(rows["item"] == "i002"), "exposed"] = (rows["user"].cat.codes < 2).astype("int8")
    table = AIPW().fit(replace(world.dataset, interactions=Table(rows)), world.estimand).effects_.item
    assert table["effect"].isna().tolist() == [False, True, True]
    assert table.loc["i001", "reason"] == "no exposed user"
    assert table.loc["i002", "reason"] == "2 exposed and 28 unexposed users; needs 4"


def test_a_missing_covariate_is_refused_by_name():
    world = personal_world(0, users=30, items=3)
    rows = world.dataset.interactions.data.copy()
    rows.loc[0, "x"] = np.nan
    with pytest.raises(DataError, match="'x' is adjusted for"):
        AIPW().fit(replace(world.dataset, interactions=Table(rows)), world.estimand)


def test_a_misspelt_confounder_is_refused_and_item_attributes_drop_out():
    world = personal_world(0, users=30, items=3)
    with pytest.raises(DataError, match="'seasn' to adjust for; did you mean 'season'"):
        AIPW().fit(world.dataset, replace(world.estimand, adjustment=("seasn",)))
    items = pd.DataFrame({"brand": ["a", "b", "c"]}, index=world.dataset.items.index)
    table = AIPW().fit(replace(world.dataset, items=items), replace(world.estimand, adjustment=("x", "brand")))
    plain = AIPW().fit(world.dataset, replace(world.estimand, adjustment=("x",)))
    pd.testing.assert_frame_equal(table.effects_.item, plain.effects_.item)


def test_poor_overlap_shows_in_ess_and_reason():
    good, bad = personal_world(0, confounding=0.3), personal_world(0, confounding=5.0)
    a, b = (AIPW().fit(w.dataset, w.estimand).effects_.item for w in (good, bad))
    assert b["ess"].median() < 0.6 * a["ess"].median()
    assert b["reason"].str.contains("held at the limit").any()


def test_row_and_column_order_do_not_matter_and_seeds_decide():
    world = personal_world(0, users=60, items=4)
    table = AIPW().fit(world.dataset, world.estimand).effects_.item
    again = AIPW().fit(world.dataset, world.estimand).effects_.item
    other = AIPW().fit(world.dataset, world.estimand, context=Context(root_seed=1)).effects_.item
    columns = replace(world.estimand, adjustment=("season", "x"))
    permuted = AIPW().fit(world.dataset, columns).effects_.item
    pd.testing.assert_frame_equal(table, again)
    np.testing.assert_allclose(table["effect"], permuted["effect"], rtol=1e-6)
    assert not np.allclose(table["effect"], other["effect"], rtol=1e-9)


def test_batched_fits_match_single_ones():
    from sklearn.linear_model import LogisticRegression, Ridge

    rng = np.random.default_rng(0)
    item = np.repeat([0, 1, 2], [50, 60, 400])
    x, w = rng.normal(size=(len(item), 3)), rng.integers(1, 4, len(item)).astype(float)
    t = (rng.random(len(item)) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)
    y = x @ [1.0, 2, 3] + rng.normal(size=len(item))
    seen = []
    for batch in batches(item, 3, 4):
        z, _ = standardised(batch.take(x), batch.take(w))
        beta, settled = logistic(z, batch.take(t), batch.take(w), 1.0)
        assert settled.all()
        coefficients = ridge(z, batch.take(y), batch.take(w), 1.0)
        for b, k in enumerate(batch.items):
            own, n = item == k, (batch.row[b] >= 0).sum()
            peer = LogisticRegression(C=1.0, tol=1e-10).fit(z[b, :n, :3], t[own], w[own])
            np.testing.assert_allclose(beta[b, :3], peer.coef_[0], atol=1e-4)
            np.testing.assert_allclose(
                coefficients[b, :3], Ridge(1.0).fit(z[b, :n, :3], y[own], w[own]).coef_, atol=1e-4
            )
            seen.append(k)
    assert sorted(seen) == [0, 1, 2]


def test_folds_never_split_a_group_and_share_out_exposure():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(40), 3)
    item, exposed = group // 20, (group % 4 == 0).astype(float)
    fold = dealt_folds(group, exposed, np.ones(len(group)), item, 5, rng.random(int(group.max()) + 1))
    assert (pd.Series(fold).groupby(group).nunique() == 1).all()
    counts = pd.crosstab([item, fold], exposed)
    assert (counts[1.0] == 3).all()


def test_rows_in_another_order_are_dealt_the_same_folds():
    world = personal_world(2, users=60, items=4)
    mixed = Table(world.dataset.interactions.data.sample(frac=1, random_state=0))
    a = AIPW().fit(world.dataset, world.estimand).effects_.item
    b = AIPW().fit(replace(world.dataset, interactions=mixed), world.estimand).effects_.item
    pd.testing.assert_frame_equal(a, b, rtol=1e-9)
    other = AIPW().fit(world.dataset, world.estimand, context=Context(root_seed=1)).effects_.item
    assert not np.allclose(a["effect"], other["effect"], rtol=1e-9), "another seed deals others"


def test_an_item_whose_exposure_follows_from_what_is_adjusted_for_has_no_estimate():
    world = personal_world(2, users=200, items=4)
    rows = world.dataset.interactions.data.copy()
    decided = rows["item"] == "i001"
    rows.loc[decided, "exposed"] = (rows.loc[decided, "x"] > 0.3).astype(np.int8)
    dataset = replace(world.dataset, interactions=Table(rows))
    table = AIPW().fit(dataset, world.estimand).effects_.item
    assert np.isnan(table.loc["i001", "raw"])
    assert "no row of the other arm with a propensity like theirs" in table.loc["i001", "reason"]
    assert table.drop(index="i001")["raw"].notna().all()
    as_it_was = AIPW().fit(world.dataset, world.estimand).effects_.item
    assert as_it_was["raw"].notna().all()


def _by(model, world=None, **estimand):
    world = world or personal_world(3, users=150, items=6)
    return AIPW(propensity=model).fit(world.dataset, replace(world.estimand, **estimand)).effects_


def test_a_propensity_component_takes_the_place_of_the_logistic_of_each_item():
    covered = []
    for seed in range(4):
        world = personal_world(seed, users=300)
        table = _by(Logistic(), world).item
        covered.append(((table["lower"] <= world.item) & (world.item <= table["upper"])).mean())
    assert 0.88 <= np.mean(covered) <= 1
    said = _by(Logistic()).assumptions
    assert any("logistic regression on x, season" in sentence for sentence in said)


def test_a_held_propensity_is_fitted_to_other_folds_and_never_itself():
    seen = []

    @component
    class Watches(Logistic):
        def fit(self, dataset, *, context=Context()):
            self.rows_ = set(dataset.interactions.frame().index)
            return super().fit(dataset, context=context)

        def predict(self, rows, *, context=Context()):
            seen.append((self.rows_, set(rows.index)))
            return super().predict(rows, context=context)

    model = Watches()
    world = personal_world(3, users=60, items=4)
    _by(model, world)
    assert not hasattr(model, "rows_")
    assert len(seen) == 5
    assert set.union(*(held for _, held in seen)) == set(world.dataset.interactions.frame().index)
    assert not any(learnt & held for learnt, held in seen)
    rows = world.dataset.interactions.frame()
    whole = rows.groupby(["user", "item"], observed=True).indices.values()
    held = [held for _, held in seen]
    assert all(sum(bool(set(at) & fold) for fold in held) == 1 for at in whole), "an assignment unit is never split"


def test_a_held_propensity_sees_rows_of_weight_n_as_n_rows():
    world = personal_world(1, users=60, items=4)
    rows, schema = world.dataset.interactions.data, replace(world.dataset.schema, assignment=())
    times = np.random.default_rng(0).integers(0, 4, len(rows))
    repeated = Table(rows.loc[rows.index.repeat(times)].reset_index(drop=True))
    a = AIPW(propensity=Logistic()).fit(replace(world.dataset, interactions=repeated, schema=schema), world.estimand)
    weighed = replace(world.dataset, interactions=Table(rows.assign(w=times)))
    counted = replace(weighed, schema=schema.with_columns([Column("w", "weight")]))
    b = AIPW(propensity=Logistic()).fit(counted, world.estimand)
    pd.testing.assert_frame_equal(a.effects_.item, b.effects_.item, rtol=1e-8)


@pytest.mark.parametrize(
    ("give", "said"),
    [
        (lambda rows: np.full(len(rows), 0.5), "gave ndarray for"),
        (lambda rows: Propensities(np.full(len(rows) - 1, 0.5), "x"), "gave shape"),
        (lambda rows: Propensities(np.ones(len(rows)), "x"), "gave .*1.0.* for a row"),
        (lambda rows: Propensities(np.full(len(rows), np.nan), "x"), "gave .*nan.* for a row"),
        (lambda rows: Propensities(np.full(len(rows), "0.5"), "x"), "gave .*0.5.* for a row"),
    ],
)
def test_what_is_no_probability_is_refused_by_name(give, said):
    @component
    class Odd(Logistic):
        def predict(self, rows, *, context=Context()):
            return give(rows)

    with pytest.raises(ComponentError, match=f"propensity component Odd {said}"):
        _by(Odd())


def test_a_held_propensity_learns_the_schemas_treatment_alone():
    world = personal_world(1, users=60, items=4)
    rows = world.dataset.interactions.data.assign(other=lambda rows: 1 - rows["exposed"])
    log = replace(world, dataset=replace(world.dataset, interactions=Table(rows)))
    with pytest.raises(DataError, match=r"learns the schema's treatment 'exposed'.*asks for 'other'"):
        _by(Logistic(), log, treatment="other")
