"""The simulated shop: what it plants is what its log shows, once confounding is taken out."""

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.datasets.simulated import Simulated

from causalkit.components import Context

COVARIATES = ["season", "promo_week", "user_activity", "item_popularity", "affinity"]


@pytest.fixture(scope="module")
def shop():
    return Simulated(users=800, items=60, weeks=20, candidates=15, seed=3).load()


def naive(dataset):
    rows = dataset.interactions.frame()
    rates = rows.groupby(["item", "exposed"], observed=True)["bought"].mean().unstack()
    return (rates[1] - rates[0]).dropna()


def adjusted(dataset):
    """Per item: bought on exposed and its covariates, in a logistic-free, plain least-squares way."""
    rows = dataset.interactions.frame()
    covariates, exposed = rows[COVARIATES].to_numpy(float), rows["exposed"].to_numpy(float)
    bought, found = rows["bought"].to_numpy(float), {}
    for item, at in rows.groupby("item", observed=True).indices.items():
        if exposed[at].any():
            centred = covariates[at] - covariates[at].mean(0)
            design = np.c_[np.ones(len(at)), exposed[at], centred, centred * exposed[at][:, None]]
            found[item] = np.linalg.lstsq(design, bought[at], rcond=None)[0][1]
    return pd.Series(found)


def test_same_seed_same_log_other_seed_other_log():
    small = {"users": 30, "items": 10, "weeks": 6}
    a, b = Simulated(**small).load(), Simulated(**small).load(context=Context(root_seed=9))
    assert a.fingerprint() == b.fingerprint()
    assert a.fingerprint() != Simulated(**small, seed=1).load().fingerprint()


def test_rows_are_distinct_candidates_with_external_ids(shop):
    rows = shop.interactions.frame()
    assert not rows.duplicated(["user", "item", "week"]).any()
    assert isinstance(rows["item"].dtype, pd.CategoricalDtype)
    assert set(rows["item"].cat.categories) == set(shop.items.index)
    assert set(rows["user"].cat.categories) == set(shop.users.index)
    assert rows.groupby(["user", "week"], observed=True).size().max() <= 15
    assert not rows.loc[rows["visited"] == 0, "bought"].any()
    assert shop.schema.assignment == ("user", "item", "week")
    assert all(column.description and column.tier is not None for column in shop.schema.columns)


def test_every_candidate_is_a_row_when_all_items_may_be_shown():
    rows = Simulated(users=5, items=4, weeks=3, candidates=9, cold=0).load().interactions
    assert len(rows) == 5 * 4 * 3


def test_cold_items_are_never_exposed_and_have_an_effect(shop):
    exposed = shop.interactions.frame().groupby("item", observed=True)["exposed"].sum()
    assert (exposed == 0).sum() == round(0.08 * 60)
    assert np.isfinite(shop.truth.item).all()
    assert len(shop.truth.item) == 60


def test_planted_effects_are_those_of_an_experiment():
    trial = Simulated(users=3000, items=12, weeks=12, candidates=12, cold=0, confounding=0, exposure_rate=0.5).load()
    found, planted = naive(trial), trial.truth.item
    stderr = np.sqrt(0.25 / (3000 * 12 / 4)) * 1.5
    assert np.abs(found - planted).max() < 4 * stderr
    by = trial.interactions.frame().groupby(["item", "segment", "exposed"], observed=True)["bought"].mean().unstack()
    error = (by[1] - by[0]) - trial.truth.segment.reindex(by.index)
    assert np.abs(error.mean()) < 0.005
    assert error.std() < 0.025


def test_item_segment_and_pair_effects_agree(shop):
    pairs = pd.DataFrame(shop.truth.pair.values, shop.truth.pair.users, shop.truth.pair.items)
    np.testing.assert_allclose(pairs.mean(), shop.truth.item, atol=1e-6)
    means = pairs.groupby(shop.users["segment"].to_numpy(), observed=True).mean().T.stack()
    np.testing.assert_allclose(means, shop.truth.segment.reindex(means.index), atol=1e-6)
    assert pairs.std().mean() > 0.02


def test_naive_is_confounded_and_adjusting_for_what_is_logged_mends_it(shop):
    found, mended = naive(shop), adjusted(shop)
    planted = shop.truth.item[found.index]
    assert (found - planted).mean() > 0.04
    assert abs((mended - planted).mean()) < 0.01
    assert np.corrcoef(mended, planted)[0, 1] > np.corrcoef(found, planted)[0, 1] + 0.1


def test_a_hidden_cause_leaves_bias_that_no_logged_column_takes_out():
    shop = Simulated(users=800, items=40, weeks=15, hidden=1.0, seed=3).load()
    mended = adjusted(shop)
    assert (mended - shop.truth.item[mended.index]).mean() > 0.03
    assert "hidden" in shop.truth.graph.notes[0]


def test_ranking_by_popularity_is_worse_than_by_effect():
    worse = []
    for seed in range(5):
        shop = Simulated(users=400, weeks=10, seed=seed).load()
        bought = shop.interactions.frame().groupby("item", observed=True)["bought"].mean()
        mended, planted = adjusted(shop), shop.truth.item
        worse.append(planted[mended.nlargest(10).index].mean() - planted[bought.nlargest(10).index].mean())
    assert min(worse) > 0.02


@pytest.mark.parametrize(("text", "low", "high"), [("tells", 0.7, 1.0), ("silent", -1.0, 0.25)])
def test_text_predicts_effects_unless_it_is_silent(text, low, high):
    """Beyond the department, which both texts name."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import cross_val_predict

    shop = Simulated(users=50, items=200, weeks=4, text=text).load()
    own = shop.truth.item - shop.truth.item.groupby(shop.items["department"]).transform("mean")
    texts = TfidfVectorizer(ngram_range=(1, 2)).fit_transform(shop.item_texts())
    predicted = cross_val_predict(Ridge(1.0), texts, own, cv=5)
    assert low < np.corrcoef(predicted, own)[0, 1] < high
    assert shop.item_texts().str.len().min() > 20


def test_a_silent_text_changes_the_descriptions_alone():
    small = {"users": 60, "items": 30, "weeks": 5, "hidden": 1.0, "log_propensity": True}
    a, b = Simulated(**small).load(), Simulated(**small, text="silent").load()
    assert a.interactions.fingerprint() == b.interactions.fingerprint()
    assert a.truth.item.equals(b.truth.item)
    assert a.truth.segment.equals(b.truth.segment)
    assert a.truth.pair.values.tobytes() == b.truth.pair.values.tobytes()
    pd.testing.assert_frame_equal(a.users, b.users)
    pd.testing.assert_frame_equal(a.items.drop(columns="description"), b.items.drop(columns="description"))
    assert (a.items["description"] != b.items["description"]).mean() > 0.9
    assert (a.items["description"].str.split(":").str[0] == b.items["description"].str.split(":").str[0]).all()


def test_a_seed_draws_what_it_always_drew():
    """Committed figures rest on it."""
    shop = Simulated(users=60, items=30, weeks=5).load()
    rows = shop.interactions.frame()
    assert (len(rows), int(rows["exposed"].sum()), int(rows["bought"].sum())) == (3022, 1156, 365)
    np.testing.assert_allclose(
        shop.truth.item.iloc[:3], [0.00796961466176487, 0.029478233242294854, 0.015804739121343295], rtol=1e-9
    )
    assert (
        shop.items["description"].iloc[0] == "laundry powder: in the large family pack, free from gluten and lactose."
    )


def test_logged_propensities_are_the_chances_of_exposure():
    rows = Simulated(users=1500, items=30, weeks=12, log_propensity=True).load().interactions.frame()
    warm = rows[rows["propensity"] > 0]
    assert warm["propensity"].between(0.02, 0.98).all()
    bins = pd.cut(warm["propensity"], [0, 0.2, 0.4, 0.6, 0.8, 1])
    by_bin = warm.groupby(bins, observed=True)[["propensity", "exposed"]].mean()
    np.testing.assert_allclose(by_bin["exposed"], by_bin["propensity"], atol=0.02)


def test_the_planted_graph_names_columns_and_runs_with_the_tiers(shop):
    schema = shop.schema
    for edge in shop.truth.graph:
        assert schema[edge.source].tier <= schema[edge.target].tier
    import networkx as nx

    assert nx.is_directed_acyclic_graph(shop.truth.graph.directed())


def test_pairs_are_left_out_of_the_truth_of_a_very_large_shop(monkeypatch):
    from causalkit_plugins.datasets import _shop

    monkeypatch.setattr(_shop, "PAIR_CELLS", 100)
    truth = Simulated(users=30, items=10, weeks=4).load().truth
    assert truth.pair is None
    assert len(truth.item) == 10
