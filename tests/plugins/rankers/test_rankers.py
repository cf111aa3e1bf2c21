from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from causalkit_plugins.estimators.aipw import AIPW
from causalkit_plugins.estimators.t_learner_eb import TLearnerEB
from causalkit_plugins.rankers.popularity import Popularity
from causalkit_plugins.rankers.random import Random
from causalkit_plugins.rankers.uplift import Uplift

from causalkit.components import Context
from causalkit.errors import InvalidParameter, NotFitted, UsageError
from causalkit.types import EXCLUDED
from tests.worlds import chain_world, personal_world


@pytest.fixture(scope="module")
def world():
    return personal_world(users=60, items=6)


@pytest.fixture(scope="module")
def effects(world):
    return TLearnerEB(of=AIPW()).fit(world.dataset, world.estimand).effects_


def test_random_scores_do_not_depend_on_who_is_scored_together(world):
    ranker = Random().fit(world.dataset)
    users, items = list(world.dataset.users.index), list(world.dataset.items.index)
    whole = ranker.scores(users, items).values
    np.testing.assert_array_equal(ranker.scores(users[7:9], items[::-1]).values, whole[7:9, ::-1])
    assert whole.mean() == pytest.approx(0.5, abs=0.05)
    assert len(np.unique(whole)) == whole.size
    other = Random().fit(world.dataset, context=Context(root_seed=1)).scores(users, items).values
    assert abs(np.corrcoef(whole.ravel(), other.ravel())[0, 1]) < 0.2


def test_popularity_is_the_outcome_rate(world):
    rows = world.dataset.interactions.data
    items = list(world.dataset.items.index)
    found = Popularity().fit(world.dataset).scores(["anyone"], items).values[0]
    np.testing.assert_allclose(found, rows.groupby("item", observed=True)["bought"].mean().loc[items])
    counts = Popularity(by="count").fit(world.dataset, context=Context(part_rows=50)).scores([""], [*items, "new"])
    np.testing.assert_allclose(counts.values[0], [*rows.groupby("item", observed=True)["bought"].sum().loc[items], 0])


def test_popularity_counts_weights():
    world = chain_world(items=3)
    rows = world.dataset.interactions.data
    found = Popularity().fit(world.dataset).scores([""], ["i001"]).values[0, 0]
    own = rows[rows["item"] == "i001"]
    assert found == pytest.approx(np.average(own["bought"], weights=own["households"]))


def test_uplift_ranks_by_pair_effects_and_strangers_by_item(world, effects):
    items = list(world.dataset.items.index)
    ranker = Uplift().fit(world.dataset, effects)
    found = ranker.scores(["u0003", "stranger"], items).values
    pair = effects.pair.set_index(["user", "item"])["effect"]
    np.testing.assert_allclose(found[0], [pair["u0003", item] for item in items])
    np.testing.assert_allclose(found[1], effects.item["effect"].reindex(items))


@pytest.mark.parametrize("status", sorted(EXCLUDED))
def test_uplift_leaves_out_what_cannot_be_read(world, effects, status):
    table = effects.item.assign(status="estimated")
    table.loc["i002", "status"] = status
    found = Uplift().fit(world.dataset, replace(effects, item=table)).scores(["u0001"], ["i001", "i002"]).values
    assert np.isfinite(found).tolist() == [[True, False]]


def test_predictions_take_part_unless_told_otherwise(world, effects):
    table = effects.item.assign(status="estimated")
    table.loc["i002", "status"] = "predicted"
    told = replace(effects, item=table)
    assert np.isfinite(Uplift().fit(world.dataset, told).scores([""], ["i002"]).values).all()
    assert np.isnan(Uplift(predicted=False).fit(world.dataset, told).scores([""], ["i002"]).values).all()


def test_confidence_ranks_by_the_lower_limit(world, effects):
    items = list(world.dataset.items.index)
    found = Uplift(confidence=0.95).fit(world.dataset, effects).scores([""], items).values[0]
    table = effects.item.reindex(items)
    np.testing.assert_allclose(found, table["effect"] - 1.959964 * table["stderr"], rtol=1e-5)
    with pytest.raises(InvalidParameter):
        Uplift(confidence=1.0)


def test_uplift_says_what_it_needs(world):
    with pytest.raises(UsageError, match="there are none"):
        Uplift().fit(world.dataset)
    with pytest.raises(NotFitted):
        Uplift().scores(["u0001"], ["i001"])
